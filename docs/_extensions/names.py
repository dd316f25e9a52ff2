"""Names: which are shown on a page of the reference, and where a name in a docstring leads."""

import pydoc
import re

from sphinx.util.nodes import make_refnode

import splinekan

FACADE = {name: getattr(splinekan, name) for name in splinekan.__all__}
OURS = ("splinekan", "theory")


def skip(app, what, name, thing, skip, options):
    """Skip names that have a page of their own, and members from other packages (tuple, Warning)."""
    if what == "module":
        return True if FACADE.get(name) is thing else None
    owner = getattr(thing, "__objclass__", thing)  # methods of built-in types
    module = getattr(owner, "__module__", None) or "splinekan"
    return None if module.startswith(OURS) else True


def find(app, env, node, content):
    """Where a name without its module leads: to the public name.

    Single backticks also hold parameters, expressions and files; these are shown as code. A name that begins
    with `splinekan.` must exist.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("sk.").removesuffix("()")
    known = env.get_domain("py").objects
    short = target if node["reftype"] == "obj" else target.rpartition(".")[2]
    others = {entry.node_id: name for name, entry in known.items() if name.endswith(f".{short}")}
    unique = [*others.values()] if len(others) == 1 and short[:1].isupper() else []  # such as FitRecord
    for name in (target, f"splinekan.{short}", *unique):
        if name in known:
            entry = known[name]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
    missing = target.startswith("splinekan.") and pydoc.locate(target.partition("(")[0]) is None
    return None if node["reftype"] == "obj" and missing else content


def escape(app, what, name, thing, options, lines):
    """Escape what reStructuredText would read otherwise, outside of code.

    The bars of absolute values would begin a substitution, and in `Term`s the letter after the backtick would
    keep it from ending the name.
    """

    def escaped(match):
        span, follower = match[1], match[2]
        if span is None:
            return r"\|"
        return span + r"\ " + follower if follower else span

    code = False
    for i, line in enumerate(lines):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        if not code:
            lines[i] = re.sub(r"(``.*?``|\\.|`[^`]*`)(?:(?<=`)(\w))?|\|", escaped, line)


def signature(app, what, name, thing, options, arguments, returned):
    """A signature that can be read, and that Sphinx can read, to link its types.

    autodoc writes aliases within unions as forward references, and a default made anew for each
    instance as <factory>.
    """
    forward = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
    return tuple(
        text and forward.sub(r"\1", text).replace("<factory>", "...") for text in (arguments, returned)
    )


def setup(app):
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", signature)
    app.connect("missing-reference", find)
    app.connect("autodoc-process-docstring", escape, priority=900)  # after numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
