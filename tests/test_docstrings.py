"""Docstrings of public names pass the checks of numpydoc: sections, their order, every parameter in turn."""

import inspect
from functools import cache

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

import splinekan as sk

ALLOWED = {
    "GL01",  # the summary begins on the line of the quotes
    "ES01",  # a summary may suffice
    "SA01",  # related names are linked in the text
    "YD01",  # what an iterator yields, its summary names
    "SS02",  # a summary may begin with a symbol
    "SS05",  # a summary names what is returned: a noun phrase, as in "Values of ..."
    "SS06",  # a summary may take two lines
    "PR04",  # types stand in the annotations, which the reference prints
    "PR08",  # descriptions are phrases, not sentences
    "RT03",  # the summary describes a single returned value
}
"""Codes of numpydoc that the docstrings of splinekan need not pass."""

ALLOWED_IN_MEMBERS = ALLOWED | {
    "EX01",  # the example of the class shows its methods
    "PR01",  # a method with obvious arguments has a summary only
    "RT01",  # likewise for what it returns
}
"""Codes that methods and properties need not pass."""


class Docstring(Validator):
    """A docstring to numpydoc; a record may document its fields as attributes."""

    def __init__(self, obj_name):
        super().__init__(get_doc_object(Validator._load_obj(obj_name)))

    @property
    def doc_all_parameters(self):
        fields = self._doc_parameters(["Attributes"])
        known = {name: text for name, text in fields.items() if name in self.signature_parameters}
        return super().doc_all_parameters or known


@cache
def faults(path):
    """The faults that numpydoc finds in the docstring at a dotted path: pairs of a code and a message."""
    return validate(path, Docstring)["errors"]


def path_of(thing):
    """The dotted path under which a class, or a function, is defined."""
    return f"{thing.__module__}.{thing.__qualname__}"


def members(kind):
    """Dotted paths of the public methods and properties of a class, inherited methods too."""
    found = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("splinekan"):
            for name, value in vars(base).items():
                described = callable(value) or isinstance(value, property | classmethod | staticmethod)
                if described and not name.startswith("_"):
                    found[name] = f"{path_of(base)}.{name}"
    return sorted(found.values())


@pytest.mark.parametrize("name", sorted(sk.__all__))
def test_public_names(name):
    found = faults(path_of(getattr(sk, name)))
    assert [fault for fault in found if fault[0] not in ALLOWED] == []


CLASSES = [name for name in sk.__all__ if inspect.isclass(getattr(sk, name))]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_members(name):
    found = [(path, *fault) for path in members(getattr(sk, name)) for fault in faults(path)]
    assert [fault for fault in found if fault[1] not in ALLOWED_IN_MEMBERS] == []


def test_a_poor_docstring_is_found():
    codes = {code for code, _ in faults("json.dumps")}
    assert codes - ALLOWED >= {"PR01", "EX01"}
