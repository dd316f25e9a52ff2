"""The regression experiment."""
