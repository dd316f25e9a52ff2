"""The campaign: generated calls of everything public, which end in a right number or a clear refusal.

`core` holds what a call is and how it ends, `hostile` what is done to arguments, `surface` what is public,
`twins` slow truths; every other module draws the calls of one area. `python -m fuzz` makes many of them.
"""
