"""The tables that tests run over leave nothing out."""

import cases
import pytest

import splinekan as sk
from splinekan import optimize
from splinekan.splines.basis import EXTRAPOLATIONS


def layers():
    return [layer for net in cases.networks().values() for layer in net.layers]


def test_every_kind_of_layer_is_in_a_network():
    kinds = {kind for kind in vars(sk).values() if isinstance(kind, type) and hasattr(kind, "vjp_tangent")}
    assert kinds == {type(layer) for layer in layers()}
    assert len(kinds) == 8


@pytest.mark.parametrize("layer", [sk.Activation, sk.Normalizer])
def test_every_kind_of_activation_and_normaliser_is_in_a_network(layer):
    assert {found.kind for found in layers() if isinstance(found, layer)} == set(layer.kinds)


def test_every_continuation_and_method_is_in_the_tables():
    assert {*cases.MODES, "error"} == set(EXTRAPOLATIONS)
    methods = {
        kind
        for kind in vars(optimize).values()
        if isinstance(kind, type) and issubclass(kind, optimize.Optimizer)
    }
    assert methods - {optimize.Optimizer, sk.VariableProjection} == set(cases.METHODS)
