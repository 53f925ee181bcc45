"""The result of `derive`: one tape, from which everything is printed, generated, proved and checked."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from symbackprop.backprop.engine import ARGUMENT, backpropagate
from symbackprop.backprop.second import hessian_network, jacobian_network
from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Tape
from symbackprop.certificate.document import certificate
from symbackprop.codegen.array_api_module import portable_source
from symbackprop.codegen.backends import backend_for
from symbackprop.codegen.dask_function import ClusterFunction, examples_of
from symbackprop.codegen.function import GradientFunction
from symbackprop.codegen.hessian_function import HessianFunction
from symbackprop.codegen.numpy_module import NUMPY, module_source
from symbackprop.codegen.pytest_module import tests_source
from symbackprop.codegen.textbook_module import textbook_source
from symbackprop.errors import ArgumentError, NetworkError, listed, nearest
from symbackprop.expressions.aliases import Expression, Matrix
from symbackprop.expressions.shapes import shape_of
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.network.named_functions import with_named_functions
from symbackprop.network.network import Equation, Network
from symbackprop.network.upstream import with_upstream
from symbackprop.printing.latex import latex
from symbackprop.printing.latex_names import name_style
from symbackprop.printing.text import text
from symbackprop.prove.report import Verification
from symbackprop.prove.verify import verify
from symbackprop.render.graph import Drawing, draw
from symbackprop.render.html import to_html
from symbackprop.render.latex import to_latex
from symbackprop.render.markdown import to_markdown
from symbackprop.render.outline import function_names, outline
from symbackprop.render.slides import to_slides
from symbackprop.render.text import to_text

TARGETS = {"numpy": module_source, "array_api": portable_source}
STYLES = ("fast", "textbook")


class Derivation:
    """The gradients of a network's cost, with the steps that lead to them.

    >>> import symbackprop as sb
    >>> d = sb.derive(sb.mlp([2, 3, 1]))
    >>> print(d.gradients["W1"], d.gradients["W1"].shape)
    X.T*delta2 (2, 3)
    >>> [step.rule for step in d.steps][-2:]
    ['linearity', 'matrix form']
    """

    def __init__(self, tape: Tape):
        self.tape = tape

    @property
    def network(self) -> Network:
        """The network whose gradients these are."""
        return self.tape.network

    @property
    def gradients(self) -> dict[str, Matrix]:
        """The gradients ∂J/∂W by parameter name, as SymPy expressions in the symbols of the network."""
        return dict(self.tape.gradients)

    @property
    def adjoints(self) -> tuple[Equation, ...]:
        """The named adjoints (δ3 = ∂J/∂z3, …), in the order in which they are computed."""
        return self.tape.adjoints

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every application of a rule, from the cost back to the parameters."""
        return self.tape.steps

    def to_text(
        self, *, detail: str = "full", view: str = "matrix", width: int | None = None, ascii: bool = False
    ) -> str:
        """Return the derivation as text for a terminal.

        Args:
            detail: "full" shows every step; "delta" the network and the backpropagation equations (a line for each δ
                and each gradient); "result" only those equations.
            view: "matrix", "index" (entry by entry, with Σ over indices), or "both".
            width: fold lines that are longer; None folds only sentences, at 100 characters.
            ascii: write `dJ/dW2 = a2.T @ delta3`, for a terminal without δ, ⊙ or ∂.

        Raises:
            ArgumentError: the level of detail or the view is unknown.

        >>> import symbackprop as sb
        >>> print(sb.derive(sb.mlp(["D", "H", "K"]), wrt="W2").to_text(detail="result", view="both"))
        Result
          δ3 = ∂J/∂z3 = −(y − yhat) ⊙ f′(z3)   N×K
          δ3[n,k] = ∂J/∂z3[n,k] = −(y[n,k] − yhat[n,k]) f′(z3[n,k])
          ∂J/∂W2 = a2ᵀ δ3                      H×K
          ∂J/∂W2[h,k] = Σ_n a2[n,h] δ3[n,k]
        """
        return to_text(outline(self.tape, detail, view), width=width, ascii=ascii)

    def to_latex(
        self,
        *,
        standalone: bool = False,
        numbered: bool = False,
        compact: bool = False,
        beamer: bool = False,
        detail: str = "full",
        view: str = "matrix",
        notation: str = "W^{(l)}",
        transpose: str = r"\top",
        bold: bool = False,
    ) -> str:
        r"""Return an `align*` with a reason above each line, which needs amsmath; see `to_text`.

        Args:
            standalone: return a whole document, on A4, with long formulas broken.
            numbered: number the formulas.
            compact: write the name of each rule beside its formula, in place of the reason above it.
            beamer: return slides, a step a slide, each with its reason first and its formula on the next overlay.
            detail: see `to_text`.
            view: see `to_text`.
            notation: how the weights of layer l are written, such as `W^{[l]}`, `W^l` or `W_l`.
            transpose: the sign of a transpose: `\top`, `T` or `\mathsf{T}`.
            bold: True if matrices have bold letters.

        Raises:
            ArgumentError: `notation` or `transpose` is written otherwise, two names look the same, or slides are to
                be numbered or compact.

        >>> import symbackprop as sb
        >>> d = sb.derive(sb.mlp([2, 3, 1]))
        >>> print(d.to_latex(notation="W_l", transpose="T", bold=True).splitlines()[-2])
        \frac{\partial J}{\partial \mathbf{W}_{1}} &= \mathbf{X}^{T} \boldsymbol{\delta}_{2} && 2 \times 3
        """
        style, made = name_style(notation, transpose, bold), outline(self.tape, detail, view)
        if beamer and (numbered or compact):
            raise ArgumentError("numbered and compact are for documents, not for slides; leave them or beamer out")
        if beamer:
            return to_slides(made, style)
        return to_latex(made, standalone=standalone, numbered=numbered, compact=compact, style=style)

    def to_markdown(self, *, detail: str = "full", view: str = "matrix") -> str:
        """Return headings, sentences, and formulas between `$$`; see `to_text`."""
        return to_markdown(outline(self.tape, detail, view))

    def to_coq(self, *, lines: bool = False) -> str:
        """Return a certificate: a file for Coq with a theorem for each gradient, for all sizes and every smooth f.

        `coqc home.v` accepts the file, or stops at the first lemma that does not hold; it needs Coq and Coquelicot.

        Args:
            lines: True for a lemma for each line of the derivation as well.

        Raises:
            NotCertifiedError: an operation has no lemma in the library of certificates; the message names it.

        >>> import symbackprop as sb
        >>> sb.derive(sb.mlp([2, 3, 1])).to_coq().count("Theorem gradient_")
        2
        """
        return certificate(self.tape, with_lines=lines)

    def to_html(
        self,
        *,
        detail: str = "full",
        view: str = "matrix",
        verification: Verification | None = None,
        check: GradientCheck | None = None,
    ) -> str:
        """Return one HTML page with the generated code, without JavaScript or external files; see `to_text`.

        Args:
            detail: see `to_text`.
            view: see `to_text`.
            verification: the result of `verify`, to show the proofs of each step beside it.
            check: the result of `check`, to show its table at the end.

        Raises:
            ArgumentError: the level of detail or the view is unknown.
            SymbackpropError: the package latex2mathml is not installed; `symbackprop[html]` installs it.
        """
        steps, derivatives = ((), ()) if verification is None else (verification.lines, verification.functions)
        return to_html(
            outline(self.tape, detail, view),
            self.to_source(style="textbook"),
            steps=None if verification is None else [(str(proof.verdict), proof.summary) for proof in steps],
            derivatives={p.formula.partition(" = ")[0]: (str(p.verdict), p.summary) for p in derivatives},
            check=check,
        )

    def draw(self, values: Mapping[str, Any] | None = None) -> Drawing:
        """Return the computation graph as a picture (SVG), which a notebook shows.

        Each quantity is a box with its formula and, in red, its adjoint. Solid arrows are the forward pass, dashed ones
        the backward pass. `save` writes the picture to a file.

        Args:
            values: arrays by name, to show the values of small quantities and adjoints as well.

        Raises:
            ArgumentError: a value is missing or has another shape.

        >>> import symbackprop as sb
        >>> "∂J/∂W2 = a2ᵀ δ3" in sb.derive(sb.home_network()).draw().svg
        True
        """
        return draw(self.tape, values)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        gradients = ", ".join(self.tape.gradient_name(name) for name in self.tape.gradients)
        return f"<Derivation of {gradients} in {len(self.steps)} steps>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        plain = re.sub("^## (.*)$", r"**\1**", self.to_markdown(), flags=re.MULTILINE)  # no headings of the notebook
        return {"text/plain": self.to_text(), "text/markdown": plain}

    def to_dict(self) -> dict[str, Any]:
        """Return the derivation as plain data, with every formula as text and as LaTeX."""
        names = function_names(self.tape)

        def formula(expression: Expression) -> dict[str, str]:
            return {"text": text(expression, names), "latex": latex(expression, names)}

        return {
            "network": self.network.to_text(),
            "steps": [
                {
                    "rule": step.rule,
                    "note": step.note,
                    "why": step.why,
                    "parameter": str(step.wrt.name),
                    "name": None if step.symbol is None else str(step.symbol.name),
                    "before": formula(step.before),
                    "after": formula(step.after),
                    "shape": [str(size) for size in step.shape],
                }
                for step in self.steps
            ],
            "adjoints": {adjoint.name: formula(adjoint.expression) for adjoint in self.adjoints},
            "gradients": {
                self.tape.gradient_name(name): formula(gradient) | {"shape": [str(size) for size in shape_of(gradient)]}
                for name, gradient in self.tape.gradients.items()
            },
        }

    def hvp(self, wrt: Iterable[str] | str | None = None, *, along: Iterable[str] | str | None = None) -> "Derivation":
        """Derive the product of the Hessian with directions: the gradients are differentiated once more.

        The directions v_W, one for each parameter, are further arguments. The result has steps, a proof, documents and
        functions like any other derivation: `Hv_W1, Hv_W2 = d.hvp().to_numpy()(X, y, W1, W2, v_W1, v_W2)`.

        Args:
            wrt: the parameters of the rows of the Hessian; by default, all parameters of this derivation.
            along: the parameters that have a direction; by default, all of them.

        Raises:
            DerivationError: the gradients cannot be differentiated again, or a name in `wrt` is not a parameter.

        >>> import symbackprop as sb
        >>> net = sb.parse_network("X: input(N, D)\\ny: input(N, 1)\\nw: parameter(D, 1)\\nJ = sum((X @ w - y)**2)/2")
        >>> print(sb.derive(net).hvp().to_text(detail="result"))
        Result
          ∂s/∂w = Xᵀ X v_w   D×1
        """
        network = hessian_network(self.tape, [along] if isinstance(along, str) else along)
        return Derivation(backpropagate(network, list(self.gradients) if wrt is None else wrt))

    def hessian(self, rows: str, columns: str | None = None) -> HessianFunction:
        """Return the second derivatives ∂²J/∂W∂V as a function, for small parameters.

        Its formulas, for a direction v_V, are those of `d.hvp(rows, along=columns)`.

        Args:
            rows: the name of W.
            columns: the name of V; by default, the same.

        Raises:
            DerivationError: see `hvp`.

        >>> import numpy as np, symbackprop as sb
        >>> net = sb.parse_network("X: input(N, D)\\nw: parameter(D, 1)\\nJ = sum((X @ w)**2)/2")
        >>> H = sb.derive(net).hessian("w")
        >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> H(X, np.ones((2, 1))).reshape(2, 2) - X.T @ X
        array([[0., 0.],
               [0., 0.]])
        """
        other = rows if columns is None else columns
        return HessianFunction(self.hvp(rows, along=other).to_numpy(backend=NUMPY), rows, other)

    def jvp(self) -> "Derivation":
        """Derive the product of a layer's Jacobian with directions v_W, of this derivation of an output.

        The vector-Jacobian product is linear in the upstream gradient, so that it is differentiated with respect to it.

        Raises:
            DerivationError: this is the derivation of a cost.

        >>> import symbackprop as sb
        >>> layer = sb.parse_network("X: input(N, D)\\nW: parameter(D, K)\\nyhat = tanh(X @ W)")
        >>> jvp = sb.derive(layer, output="yhat", wrt="W").jvp()
        >>> jvp.to_numpy()
        <Jv_yhat = f(X, W, G_yhat, v_W)>
        """
        network = jacobian_network(self.tape)
        return Derivation(backpropagate(network, list(network.varying)))

    @cached_property
    def _coded(self) -> Tape:
        """The derivation that code computes: 1/(1 + exp(−z)) is the sigmoid there, because exp(−z) overflows."""
        network = with_named_functions(self.network)
        return self.tape if network is self.network else backpropagate(network, list(self.tape.gradients))

    @cached_property
    def _source(self) -> str:
        return module_source(self._coded, function_names(self._coded))

    def to_source(self, target: str = "numpy", *, style: str = "fast") -> str:
        """Return the text of a Python module with `cost` and `cost_and_gradients`; for an output also `backward`.

        Args:
            target: "numpy" imports only NumPy; "array_api" takes arrays of NumPy, PyTorch, JAX (also under `jax.jit`)
                or dask, through array-api-compat, which `symbackprop[arrays]` installs.
            style: "fast" reuses memory, works on batches of examples and checks the arguments; "textbook" has one line
                for each formula of the derivation, such as `dJdW2 = a2.T @ delta3`, for NumPy.

        Raises:
            ArgumentError: the target or the style is unknown, or the style is not one of this target.
        """
        if style not in STYLES:
            raise ArgumentError(f"unknown style {style!r:.60}: {nearest(str(style), STYLES)}")
        if style == "textbook" and target == "numpy":
            return textbook_source(self.tape, function_names(self.tape))
        if style == "textbook":
            raise ArgumentError(f"style='textbook' is for NumPy, not for {target!r:.60}")
        if target not in TARGETS:
            raise ArgumentError(f"unknown target {target!r:.60}: {nearest(str(target), TARGETS)}")
        return self._source if target == "numpy" else TARGETS[target](self._coded, function_names(self._coded))

    @property
    def _names(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Return the names of a function's arguments, parameters and results."""
        arguments = tuple(str(symbol.name) for symbol in self.network.arguments)
        results = self.tape.gradient_names if self.network.upstream else self.tape.result_names
        return arguments, tuple(self.tape.gradients), results

    def to_tests(self, module: str = "grads") -> str:
        """Return a pytest file that gradient-checks the module of that name, at random points with different sizes."""
        return tests_source(self.tape, module)

    def to_numpy(self, *, backend: str | None = None) -> GradientFunction:
        """Return the module's functions, ready to call: `J, dJdW1, … = f(X, y, W1, …)` or `dX, … = f(X, …, G_yhat)`.

        Args:
            backend: "numpy" runs the text of `to_source`. "numba" compiles the computation for each example, at the
                first call. None chooses numba if it is installed and can compile the network, and if every size
                but the number of examples is a whole number up to 32, where it gains most.

        Raises:
            ArgumentError: the backend is unknown, or numba cannot compile the network.
            SymbackpropError: backend="numba", but numba is not installed; `symbackprop[numba]` installs it.
        """
        chosen = backend_for(self._coded, backend)
        source = self._source if chosen == NUMPY else module_source(self._coded, function_names(self._coded), chosen)
        return GradientFunction(source, *self._names)

    def to_dask(self) -> ClusterFunction:
        """Return the functions of `to_numpy` for chunked data on a cluster: X and y may be dask arrays.

        Raises:
            ArgumentError: the examples depend on each other, as in batch normalisation, or their number has no name.
            SymbackpropError: the package dask is not installed; `symbackprop[dask]` installs it.

        >>> import symbackprop as sb
        >>> from dask.array import from_array
        >>> data, weights = sb.home_data(), sb.home_weights(seed=0)
        >>> d = sb.derive(sb.home_network())
        >>> g = d.to_dask()
        >>> J, dJdW1, dJdW2 = g(from_array(data["X"], chunks=(2, 2)), data["y"], **weights)
        >>> bool(abs(J - d.to_numpy()(**data, **weights).J) < 1e-15)
        True
        """
        return ClusterFunction(self._source, *self._names, examples_of(self.tape))

    def verify(self, *, seed: int | None = None) -> Verification:
        """Prove every step with three independent methods ("witnesses"), which never use the rule table.

        Each step is proved for all sizes by index calculus, then compared at a random point of small sizes to 50 digits
        with SymPy's derivatives of scalar equations, and with finite differences. A witness that cannot judge a step
        reports that.

        Args:
            seed: repeats the random points of the two numerical witnesses.

        >>> import symbackprop as sb
        >>> sb.derive(sb.mlp([2, 3, 1])).verify(seed=0).verdict
        <Verdict.RIGHT: 'right'>
        """
        return verify(self.tape, function_names(self.tape), seed)

    def check(self, values: Mapping[str, Any], *, seed: int | None = None) -> GradientCheck:
        """Check the generated gradients against finite differences of the generated cost.

        Args:
            values: an array for each argument by name.
            seed: see `check_gradients`.

        >>> import numpy as np, symbackprop as sb
        >>> d = sb.derive(sb.mlp([2, 3, 1]))
        >>> rng = np.random.default_rng(0)
        >>> values = {"X": rng.random((5, 2)), "y": rng.random((5, 1))}
        >>> values |= {"W1": rng.normal(size=(2, 3)), "W2": rng.normal(size=(3, 1))}
        >>> d.check(values).verdict
        <Verdict.RIGHT: 'right'>
        """
        f = self.to_numpy(backend=NUMPY)
        _require_names(values, f.arguments)
        params = {name: values[name] for name in f.parameters}
        data = {name: values[name] for name in f.arguments if name not in params}
        return check_gradients(
            f.cost,
            lambda **arguments: dict(zip(f.parameters, f(**arguments)[-len(f.parameters) :], strict=True)),
            params,
            data=data,
            seed=seed,
        )


def _require_names(values: Mapping[str, Any], arguments: tuple[str, ...]) -> None:
    if not isinstance(values, Mapping):
        raise ArgumentError(
            f"values is a {type(values).__name__}; a mapping with an array for each of {listed(arguments)} is expected"
        )
    unknown = [name for name in values if name not in arguments]
    if unknown:
        raise ArgumentError(f"{listed(unknown)} is not an argument of this network: {nearest(unknown[0], arguments)}")
    missing = [name for name in arguments if name not in values]
    if missing:
        raise ArgumentError(f"values for {listed(missing)} are missing; the arguments are {listed(arguments)}")


def derive(
    network: Network,
    wrt: Iterable[str] | str | None = None,
    *,
    output: Iterable[str] | str | None = None,
    activation_derivative: str = ARGUMENT,
) -> Derivation:
    """Derive, step by step, the gradients of the cost with respect to every parameter or only to the ones in `wrt`.

    With `output`, the network is a layer: the gradients are vector-Jacobian products for an upstream gradient G_yhat,
    the gradient of any cost with respect to the output yhat.

    Args:
        network: a network with a cost or with an output.
        wrt: names of parameters, and for an output also of inputs; by default all of them.
        output: the name of an output, or several; by default the ones that `net.output` declared, if there is no cost.
        activation_derivative: "argument" writes the derivative of a = f(z) as f′(z); "output" writes it in terms of a
            if it can, such as a ⊙ (1 − a) for the sigmoid.

    Raises:
        DerivationError: a name in `wrt` is not a parameter.
        NetworkError: the network has no cost, and no output is named.

    >>> import symbackprop as sb
    >>> list(sb.derive(sb.mlp([2, 3, 1]), wrt=["W2"]).gradients)
    ['W2']
    >>> print(sb.derive(sb.mlp([2, 3, 1]), "W2", activation_derivative="output").to_text(detail="result"))
    Result
      δ3 = ∂J/∂z3 = −(y − yhat) ⊙ yhat ⊙ (1 − yhat)   N×1
      ∂J/∂W2 = a2ᵀ δ3                                 3×1
    >>> layer = sb.parse_network("X: input(N, D)\\nW: parameter(D, K)\\nb: parameter(1, K)\\nyhat = X @ W + b")
    >>> print(sb.derive(layer, output="yhat").to_text(detail="result"))
    Result
      ∂J/∂X = G_yhat Wᵀ       N×D
      ∂J/∂W = Xᵀ G_yhat       D×K
      ∂J/∂b = Σ_rows G_yhat   1×K
    """
    if not isinstance(network, Network):
        raise NetworkError(f"derive takes a Network, not {type(network).__name__}")
    has_cost = len(network.all_equations) > len(network.equations)
    ends = output if output is not None or has_cost else network.outputs or None
    if ends is not None:
        network = with_upstream(network, ends, wrt)
        wrt = list(network.varying) if wrt is None else wrt
    return Derivation(backpropagate(network, wrt, activation_derivative=activation_derivative))
