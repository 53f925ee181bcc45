"""A step of a derivation, with its sentence: the template of its rule, filled in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sympy import Basic

from symbackprop.backprop.wording import ACTIVATION, FUNCTION, HELD, SENTENCES
from symbackprop.errors import listed
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.derivative_symbols import Gradient, by_entry
from symbackprop.expressions.operations import Broadcast
from symbackprop.expressions.shapes import Show, is_matrix, shape_of
from symbackprop.printing.latex import InlineLatex, latex
from symbackprop.printing.text import text


@dataclass(frozen=True)
class Step:
    """One line of a derivation: `before` equals `after`, by a rule.

    Both are ∂J/∂v, or sums over the entries of terms such as δ3 ⊙ ∂z3/∂W, for each entry of W; `shape` is that of v
    or W. `node` is the quantity that the rule works on, `expression` its definition, and `parts` are its parts that
    are differentiated next. `constants` do not depend on W; `held` parts do, but in another term.
    `symbol` is the name that ∂J/∂node gets, if this step gives it one.
    """

    rule: str
    before: Expression
    after: Expression
    shape: tuple[Expression, ...]
    wrt: Expression
    node: Expression | None = None
    expression: Expression | None = None
    parts: tuple[Expression, ...] = ()
    constants: tuple[Expression, ...] = ()
    held: tuple[Expression, ...] = ()
    symbol: Expression | None = None
    known: tuple[tuple[Expression, Expression], ...] = ()  # quantities with their ∂J/∂…, from which the section starts
    slope: Expression | None = None  # f′ at its argument, in the form that the step has
    row: str = "row"  # the name of a row: example, if the rows are examples
    column: str = "column"  # the name of a column

    @property
    def note(self) -> str:
        """Return the side conditions, such as `y is constant`."""
        return note(self, text)

    @property
    def why(self) -> str:
        """Return one plain sentence about the rule."""
        return why(self, text)

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: the rule, the sentence and the formula."""
        sides = [latex(side) for side in (self.symbol, self.before, self.after) if side is not None]
        sentence = why(self, lambda quantity: f"${InlineLatex().doprint(quantity)}$")
        return f"**{self.rule}:** {sentence}\n\n$$\n{' = '.join(sides)}\n$$"


def note(step: Step, show: Show) -> str:
    """Return the side conditions of a step, such as `y is constant`."""
    return "; ".join(
        f"{listed(map(show, map(_once, names)))} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in ((step.constants, "constant"), (step.held, "held fixed"))
        if names
    )


def _once(quantity: Basic) -> Basic:
    """Return the row, column or number that a quantity repeats, or the quantity itself if it repeats nothing."""
    if not is_matrix(quantity):
        return quantity
    coefficient, core = nodes.split(quantity)
    if isinstance(core, nodes.Ones):
        return coefficient
    return nodes.scaled(coefficient, core.argument) if isinstance(core, Broadcast) else quantity


def why(step: Step, show: Show) -> str:
    """Return the sentence of a step, with its formulas as `show` prints them."""
    rule = FUNCTION if step.rule.startswith("derivative of ") and step.rule != ACTIVATION else step.rule
    kinds = ((rule, kind) for kind in type(step.expression).__mro__)
    template = SENTENCES[next((kind for kind in kinds if kind in SENTENCES), rule)]
    return template.format_map(_Words(step, show)) + (HELD.format_map(_Words(step, show)) if step.held else "")


class _Words(dict[str, str]):
    """Values of the placeholders {name} in a sentence, computed when a template uses them."""

    def __init__(self, step: Step, show: Show):
        super().__init__()
        self.step, self.show = step, show
        self.expression: Expression = step.expression  # which the sentences of the rules have

    def __missing__(self, name: str) -> str:
        return _WORDS[name](self)

    def listed(self, quantities: Iterable[Basic]) -> str:
        return listed(map(self.show, map(_once, quantities)))

    @property
    def constant(self) -> Sequence[Basic]:
        """Return the constant quantities of the step, or its constant numbers if there are no others."""
        step = self.step
        if step.constants or step.expression is None:
            return tuple(step.constants)
        return [part for part in step.expression.args if part not in step.parts and part not in step.held]

    def one_or_more(self, one: str, more: str) -> str:
        """Return the words for one constant, or those for several."""
        return one if len(self.constant) == 1 else more

    @property
    def varies_once(self) -> bool:
        """True if only one factor of a product is differentiated, and it occurs once."""
        parts = self.step.parts
        return len(parts) == 1 and self.expression.args.count(parts[0]) == 1

    def shape(self) -> str:
        shapes = ("×".join(map(self.show, shape_of(part))) for part in self.step.parts)
        return " and ".join(dict.fromkeys(shapes))

    def products(self) -> str:
        over = self.summed_over()
        if len(self.step.parts) == 1:
            adds = f"adds up over {over} and " if over else ""
            return f"The product with the transpose {adds}has the shape {self['shape']} of {self['parts']}"
        add = f"add up over {over} and " if over else ""
        return f"The products with the transposes {add}have the shapes of {self['parts']}"

    def linear(self) -> str:
        """Return words for the derivative of a product, depending on whether one factor varies or several."""
        parts, factors = self.step.parts, self.expression.args
        others = [factor for factor in factors if factor not in parts]
        if not self.varies_once or not others:
            return "differentiate one factor at a time and add the terms"
        derivative = self.show(by_entry(self.step.node, parts[0]))
        multiplier = "is the factor that multiplies" if len(others) == 1 else "consists of the factors that multiply"
        return f"{derivative} {multiplier} {self.show(parts[0])}, here {self.listed(others)}"

    def adjoints(self) -> str:
        """Return the list of known adjoints in words, each by its name δ or else as ∂J/∂v."""
        known, cost = self.step.known, self.step.before.cost
        return self.listed(dict.fromkeys(value if value.is_symbol else Gradient(cost, of) for of, value in known))

    def summed_over(self) -> str:
        """Return the axes of C = A B over which transposed products sum: its rows for ∂J/∂B, its columns for ∂J/∂A."""
        factors, parts = self.expression.args, self.step.parts
        wanted = [any(factor in parts for factor in some) for some in (factors[1:], factors[:-1])]
        axes = zip(wanted, self.expression.shape, (self.step.row, self.step.column), strict=True)
        return listed(f"the {self.show(size)} {word}s" for wanted, size, word in axes if wanted and size != 1)


_WORDS: dict[str, Callable[[_Words], str]] = {
    "cost": lambda words: words.show(words.step.before.cost),
    "wrt": lambda words: words.show(words.step.wrt),
    "node": lambda words: words.show(words.step.node),
    "parts": lambda words: words.listed(words.step.parts),
    "constants": lambda words: words.listed(words.constant),
    "are_constant": lambda words: words.one_or_more("is a constant", "are constants"),
    "derivatives_are": lambda words: words.one_or_more("its derivative is", "their derivatives are"),
    "factors": lambda words: words.one_or_more("factor {0} moves", "factors {0} move").format(words["constants"]),
    "held": lambda words: words.listed(words.step.held),
    "are_held": lambda words: (
        "is held fixed: its contribution is a separate term"
        if len(words.step.held) == 1
        else "are held fixed: their contributions are separate terms"
    ),
    "one": lambda words: "one factor" if words.varies_once else "one factor at a time",
    "added": lambda words: "" if words.varies_once else ", and add the terms",
    "and_on": lambda words: (  # the second half of the chain rule's sentence: `, and z2 on W1`
        "" if words.step.parts == (words.step.wrt,) else f", and {words['parts']} on {words['wrt']}"
    ),
    "item": lambda words: "example" if "example" in (words.step.row, words.step.column) else "entry",  # of a sum
    "shape": _Words.shape,
    "products": _Words.products,
    "linear": _Words.linear,
    "one_hot": lambda words: words.listed(sorted(words.step.before.atoms(nodes.OneHot), key=str)),
    "derivative": lambda words: words.show(_once(words.step.slope)),  # f′ at its argument, as the line writes it
    "function": lambda words: words.show(words.expression.func(words.expression.function, *words.expression.operands)),
    "symbol": lambda words: words.show(words.step.symbol),
    "adjoint": lambda words: words.show(words.step.before),
    "adjoints": _Words.adjoints,
    "outputs": lambda words: words.listed(of for of, _ in words.step.known),
}
