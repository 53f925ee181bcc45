"""Functions of PyTorch and JAX with a backward function of their own are judged as they stand."""

import textwrap
from functools import partial

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.cli.commands import main

MATRIX = ("N", "D")
TORCH = """
import torch
import torch.nn.functional as F

class Gated(torch.autograd.Function):  # two inputs, an attribute of ctx, in-place operations
    @staticmethod
    def forward(ctx, a, b, beta):
        s = torch.sigmoid(beta * a)
        ctx.save_for_backward(a, b, s)
        ctx.beta = beta
        return (a * s).mul_(b)
    @staticmethod
    def backward(ctx, up):
        a, b, s = ctx.saved_tensors
        da = up * b * s * (1 + ctx.beta * a * (1 - s)) if ctx.needs_input_grad[0] else None
        return da, up * a * s, None

class Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b=None):
        ctx.save_for_backward(x, w)
        return torch.addmm(b, x, w.t())
    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        return dy.mm(w), dy.t().mm(x), dy

class Normalized(torch.autograd.Function):  # the style with setup_context; a second output without a derivative
    @staticmethod
    def forward(x, eps):
        r = torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)
        return x * r, x.argmax(dim=-1)
    @staticmethod
    def setup_context(ctx, inputs, output):
        x, eps = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps))
    @staticmethod
    def backward(ctx, g, _):
        x, r = ctx.saved_tensors
        return r * g - x * r ** 3 * (g * x).mean(-1, keepdim=True), None

class Both(torch.autograd.Function):  # several outputs, and a single precision that is asked for
    @staticmethod
    def forward(ctx, x):
        p = F.softmax(x.float(), dim=1)
        ctx.save_for_backward(p)
        return p, p.sum(0)
    @staticmethod
    def backward(ctx, g, h):
        p, = ctx.saved_tensors
        d = g + h
        return p * (d - (d * p).sum(1, keepdim=True))
"""
SHAPES = {
    "Gated": ({"a": MATRIX, "b": MATRIX}, {"beta": 1.5}),
    "Affine": ({"x": MATRIX, "w": ("K", "D"), "b": ("K",)}, None),
    "Normalized": ({"x": MATRIX}, {"eps": 1e-3}),
    "Both": ({"x": MATRIX}, None),
}
MISTAKES = [
    ("Gated", "up * b * s *", "b * s *", ""),
    ("Gated", "da, up * a * s, None", "up * a * s, da, None", "another order: db, da for da, db"),
    ("Gated", "(1 + ctx.beta", "(1 + 2 * ctx.beta", ""),
    ("Affine", "dy.t().mm(x), dy", "dy.t().mm(x), dy.mean(0)", "divided by N once too often"),
    ("Affine", "dy.mm(w)", "-dy.mm(w)", ""),
    ("Normalized", "(g * x).mean(-1", "(g * x).sum(-1", ""),
    ("Both", "d = g + h", "d = g", "the upstream gradient g2 is ignored in dx"),
    ("Both", "p * (d - (d * p).sum(1, keepdim=True))", "d * p * (1 - p)", "cut to its diagonal"),
]


def of_torch(folder, name, right="", wrong=""):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert TORCH.count(right) or not right
    path = folder / f"ops_{abs(hash(wrong))}.py"
    path.write_text(TORCH.replace(right, wrong), encoding="utf-8")
    space = {"__name__": path.stem}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), space)
    return space[name], path


@pytest.mark.parametrize("name", SHAPES)
def test_right_functions_of_torch_are_right(tmp_path, name):
    shapes, scalars = SHAPES[name]
    check = sb.check_function(of_torch(tmp_path, name)[0], shapes, scalars=scalars, seed=0)
    assert (check.verdict, check.level) == ("right", "formula" if name != "Normalized" else check.level)


@pytest.mark.parametrize(("name", "right", "wrong", "words"), MISTAKES)
def test_mistakes_in_functions_of_torch_are_refused_and_named(tmp_path, name, right, wrong, words):
    shapes, scalars = SHAPES[name]
    check = sb.check_function(of_torch(tmp_path, name, right, wrong)[0], shapes, scalars=scalars, seed=0)
    assert check.verdict == "wrong"
    assert words in check.mistake


def test_what_torch_refuses_is_said(tmp_path):
    function, _ = of_torch(tmp_path, "Affine", "dy.mm(w), dy.t().mm(x), dy", "dy.mm(w)")
    with pytest.raises(sb.ArgumentError, match="backward returns 1 gradients, and forward takes 3 arguments"):
        sb.check_function(function, *SHAPES["Affine"][:1])


# JAX


def of_jax(backward="", forward=""):
    """Return a function of two arguments and a number, and its backward function with a mistake planted."""
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    text = textwrap.dedent(
        """
        @partial(jax.custom_vjp, nondiff_argnums=(2,))
        def scaled(x, b, slope):
            return jax.nn.sigmoid(slope * x) + b
        def fwd(x, b, slope):
            return scaled(x, b, slope), jax.nn.sigmoid(slope * x)
        def bwd(slope, s, ct):
            return ct * slope * s * (1 - s), jnp.sum(ct, axis=0)
        scaled.defvjp(fwd, bwd)
        """
    )
    if backward:
        right, wrong = backward
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    space = {"jax": jax, "jnp": jax.numpy, "partial": partial, "__name__": "ops"}
    exec(text, space)
    return space["scaled"]


SCALED = {"shapes": {"x": MATRIX, "b": ("D",)}, "scalars": {"slope": 1.5}, "seed": 0}


def test_a_right_function_of_jax_is_right():
    check = sb.check_function(of_jax(), **SCALED)
    assert (check.verdict, check.level) == ("right", "formula")
    assert sb.assert_gradients(of_jax(), **SCALED) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (("return ct * slope", "return slope"), ""),
        (("jnp.sum(ct, axis=0)", "ct"), "db is not summed over axis 0"),
        (("ct * slope * s", "-ct * slope * s"), ""),
    ],
)
def test_mistakes_in_a_function_of_jax_are_refused(backward, words):
    check = sb.check_function(of_jax(backward), **SCALED)
    assert check.verdict == "wrong"
    assert words in check.mistake + str(check)


@pytest.mark.nightly
def test_a_mistake_is_an_assertion_with_the_report():
    with pytest.raises(AssertionError, match="db is not summed over axis 0"):
        sb.assert_gradients(of_jax(("jnp.sum(ct, axis=0)", "ct")), **SCALED)


def test_updates_of_arrays_and_loops_of_jax_are_read_by_entry():
    jax = pytest.importorskip("jax", reason="JAX is not installed")

    @jax.custom_vjp
    def shifted(x):
        return x.at[1:].add(x[:-1] ** 2)

    def fwd(x):
        return shifted(x), x

    def bwd(x, g):
        return (g.at[:-1].add(2 * x[:-1] * g[1:]),)

    def wrong(x, g):
        return (g.at[:-1].add(2 * x[1:] * g[1:]),)

    shifted.defvjp(fwd, bwd)
    check = sb.check_function(shifted, {"x": ("N",)}, seed=0)
    assert check.verdict == "right"
    assert check.level != "numbers"
    shifted.defvjp(fwd, wrong)
    assert sb.check_function(shifted, {"x": ("N",)}, seed=0).verdict == "wrong"


def test_what_is_no_such_function_is_refused():
    with pytest.raises(sb.ArgumentError, match=r"neither a subclass of torch.autograd.Function nor"):
        sb.check_function(np.tanh, {"x": MATRIX})
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    with pytest.raises(sb.ArgumentError, match="has no backward function"):
        sb.check_function(jax.custom_vjp(lambda x: x), {"x": MATRIX})


@pytest.mark.slow
def test_the_command_line_takes_them(tmp_path, capsys):
    pytest.importorskip("jax", reason="JAX is not installed")
    (tmp_path / "soft.py").write_text(
        textwrap.dedent(
            """
            import jax
            import jax.numpy as jnp

            @jax.custom_vjp
            def soft(x):
                return jax.nn.softplus(x)
            soft.defvjp(lambda x: (soft(x), x), lambda x, g: (g * jax.nn.sigmoid(x) ** 2,))
            """
        ),
        encoding="utf-8",
    )
    assert main(["proofread", f"{tmp_path}/soft.py:soft", "--shapes", "x=N,D"]) == 1
    assert "gradient code: wrong" in capsys.readouterr().out
