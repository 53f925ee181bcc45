"""The product of arrays with any number of axes: `Einsum`, whose normal form is a matrix product where it is one."""

import re
from collections.abc import Sequence
from string import ascii_letters

from sympy import Basic, Expr, Mul, S
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.printer import Printer

from symbackprop.errors import ShapeError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.constructors import hadamard, matmul, transposed
from symbackprop.expressions.gathers import permuted, summed, without_axes
from symbackprop.expressions.matrices import Eye, Ones, Zeros, scaled, split
from symbackprop.expressions.operations import MatrixOperation, Total
from symbackprop.expressions.shapes import Mismatch, is_matrix, require_matrices


class Einsum(MatrixOperation):
    """A sum of products of entries: `Einsum("ab,b->a", A, x)`. Each letter stands in two places at least."""

    syntax = "einsum"
    precedence = PRECEDENCE["Mul"]

    def __new__(cls, letters: object, *operands: object) -> Matrix:
        """Return the node of letters such as "ab,b->a" and an operand for each group of them."""
        return Basic.__new__(cls, letters if isinstance(letters, Str) else Str(letters), *map(_sympify, operands))

    @property
    def operands(self) -> tuple[Expression, ...]:
        """Return the arrays."""
        return tuple(self.args[1:])

    @property
    def letters(self) -> tuple[list[str], str]:
        """Return the letters of the axes of each operand, and those of the result."""
        inputs, output = str(self.args[0]).split("->")
        return inputs.split(","), output

    @property
    def sizes(self) -> dict[str, Size]:
        """Return the size of the axis of each letter."""
        return _sizes(self.letters[0], self.operands)

    @property
    def shape(self) -> Shape:
        """Return the sizes of the letters of the result."""
        sizes = self.sizes
        return tuple(sizes[letter] for letter in self.letters[1])

    def check(self) -> None:
        """Require as many letters as axes, and one size for each letter."""
        require_matrices(self, self.operands)
        problem = _problem(*self.letters, self.operands)
        if problem:
            raise Mismatch(self, lambda show: problem)

    @property
    def is_product(self) -> bool:
        """Return True if NumPy's `@` of the two operands is this product."""
        if len(self.operands) != 2 or not all(A.shape for A in self.operands):
            return False
        return str(self.args[0]) == _canonical(*_letters_of_product(*(len(A.shape) for A in self.operands)))

    def _typed(self, printer: Printer) -> str:
        if self.is_product:
            return printer.product.join(printer.bracket(factor, _ABOVE_PRODUCTS) for factor in self.operands)
        inner = ", ".join(map(printer._print, self.operands))
        return f"{printer.named(self.syntax)}('{self.args[0]}', {inner})"

    _numpycode = _typed

    def _plain(self) -> list[tuple[Matrix, bool]] | None:
        """Return the factors of a product of vectors and matrices, each with True if it is transposed; else None."""
        (inputs, output), operands = self.letters, self.operands
        if len(operands) != 2:
            return None
        one, other = inputs
        known = {
            ("ab", "b", "a"): ((0, False), (1, False)),
            ("ab", "a", "b"): ((0, True), (1, False)),
            ("a", "ab", "b"): ((1, True), (0, False)),
            ("a", "ba", "b"): ((1, False), (0, False)),
            ("a", "b", "ab"): ((0, False), (1, True)),
            ("a", "b", "ba"): ((1, False), (0, True)),
        }.get((one, other, output))
        return None if known is None else [(operands[k], is_turned) for k, is_turned in known]

    @property
    def is_of_matrices(self) -> bool:
        """Return True for a product of two factors that are vectors, in columns, and matrices."""
        return self._plain() is not None

    def _as_product(self, printer: Printer, turned: str) -> str | None:
        factors = self._plain()
        if factors is None:
            return None
        return printer.product.join(
            printer.raised(printer.base(factor), turned) if is_turned else printer.bracket(factor, _ABOVE_PRODUCTS)
            for factor, is_turned in factors
        )

    def _text(self, printer: Printer) -> str:
        inputs, output, inner = self._words(printer)
        return self._as_product(printer, printer.transposed) or f"einsum({inputs}→{output}; {inner})"

    def _latex(self, printer: Printer) -> str:
        inputs, output, inner = self._words(printer)
        written = rf"\operatorname{{einsum}}_{{{inputs}\to {output}}}\!\left({inner}\right)"
        return self._as_product(printer, printer.transposed) or written

    def _words(self, printer: Printer) -> tuple[str, str, str]:
        """Return the letters of the operands, those of the result, and the operands."""
        inputs, output = self.named_letters()
        return ",".join(inputs), output, ", ".join(map(printer._print, self.operands))

    def named_letters(self) -> tuple[list[str], str]:
        """Return the letters as people choose them: those of the sizes, where these are single letters."""
        named: dict[str, str] = {}
        for letter, size in self.sizes.items():
            wanted = str(size).lower()
            free = [x for x in (wanted, *"ijklmnpqrstuvwxyzabcdefgho") if len(x) == 1 and x.isalpha()]
            named[letter] = next(x for x in free if x not in named.values())
        inputs, output = self.letters
        return ["".join(named[x] for x in word) for word in inputs], "".join(named[x] for x in output)


_ABOVE_PRODUCTS = 3  # the level of a factor that needs no brackets


def _canonical(words: Sequence[str], output: str) -> str:
    """Return the letters a, b, c, … in the order of the operands, so that equal products are equal nodes."""
    order = {letter: ascii_letters[k] for k, letter in enumerate(dict.fromkeys("".join(words)))}
    return f"{','.join(''.join(order[x] for x in word) for word in words)}->{''.join(order[x] for x in output)}"


def _letters_of_product(left: int, right: int) -> tuple[list[str], str]:
    """Return the letters of NumPy's `@` of arrays with so many axes; "Z" and "Y" are the rows and the columns."""
    batch = ascii_letters[: max(left, right, 2) - 2]
    one = batch[len(batch) - left + 2 :] + "ZX" if left > 1 else "X"
    other = batch[len(batch) - right + 2 :] + "XY" if right > 1 else "X"
    return [one, other], batch + "Z" * (left > 1) + "Y" * (right > 1)


def _problem(words: Sequence[str], output: str, operands: Sequence[Matrix]) -> str:
    """Return what is wrong with letters and operands, or an empty string."""
    sizes: dict[str, Size] = {}
    for word, A in zip(words, operands, strict=True):
        if len(word) != len(A.shape):
            shape = shape_text(A.shape)
            return f"{word or 'no letter'} stands for an array of shape {shape}, which has {len(A.shape)} axes"
        for letter, size in zip(word, A.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                return f"the axes named {letter} have the sizes {sizes[letter]} and {size}, which differ"
    unknown = [letter for letter in output if letter not in sizes]
    if unknown:
        return f"{unknown[0]} of the result is not an axis of an operand"
    return "a letter stands twice in the result" if len(set(output)) < len(output) else ""


def einsum(letters: str, *operands: Expression) -> Expression:
    """Return NumPy's `einsum` in its normal form: a matrix product, an entrywise product or a sum where it is one.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> einsum("nd,dk->nk", NamedMatrix("X", 5, 3), NamedMatrix("W", 3, 2))
    X*W
    """
    words, output = _read(letters, operands)
    problem = _problem(words, output, operands)
    if problem:
        raise ShapeError(f"einsum('{letters}', …): {problem}")
    coefficients, arrays = map(list, zip(*map(split, operands), strict=True))
    return _scaled(Mul(*coefficients), _normal(words, output, arrays))


def _scaled(coefficient: Scalar, found: Expression) -> Expression:
    return scaled(coefficient, found) if is_matrix(found) else coefficient * found


def _read(letters: str, operands: Sequence[Expression]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result; without ->, the result has the letters that stand once."""
    plain = letters.replace(" ", "")
    if not re.fullmatch(r"[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?", plain):
        raise ShapeError(f"einsum('{letters}', …): letters with commas between them are expected, as in 'ij,jk->ik'")
    inputs, arrow, output = plain.partition("->")
    words = inputs.split(",")
    if len(words) != len(operands):
        raise ShapeError(f"einsum('{letters}', …) has {len(words)} groups of letters for {len(operands)} arrays")
    for word, operand in zip(words, operands, strict=True):
        if not is_matrix(operand) and word:
            raise ShapeError(f"einsum('{letters}', …): {word} stands for a scalar, which has no axes")
    if not arrow:
        every = "".join(words)
        output = "".join(sorted(x for x in set(every) if every.count(x) == 1))
    return words, output


def _normal(words: list[str], output: str, arrays: list[Expression]) -> Expression:
    words, arrays = _without_repeats(words, arrays)
    coefficient: Expr = S.One
    for k, word in enumerate(words):
        elsewhere = output + "".join(words[:k] + words[k + 1 :])
        alone = [axis for axis, letter in enumerate(word) if letter not in elsewhere]
        if alone and len(alone) == len(word):
            coefficient, words[k] = coefficient * _total(arrays[k]), ""
        elif alone:
            factor, arrays[k] = split(without_axes(summed(arrays[k], alone), alone))
            coefficient, words[k] = coefficient * factor, "".join(x for x in word if x in elsewhere)
    coefficient *= Mul(*(A for word, A in zip(words, arrays, strict=True) if not word and not is_matrix(A)))
    kept = [(word, A) for word, A in zip(words, arrays, strict=True) if word]
    if not kept:
        return coefficient
    words, arrays = [word for word, _ in kept], [A for _, A in kept]
    return _scaled(coefficient, _product(words, output, arrays))


def _total(array: Expression) -> Scalar:
    coefficient, array = split(array)
    return coefficient * (Mul(*array.shape) if isinstance(array, Ones) else Total(array))


def _without_repeats(words: Sequence[str], arrays: Sequence[Expression]) -> tuple[list[str], list[Expression]]:
    """Return the operands without diagonals: a letter that stands twice in one is two letters that an identity ties."""
    free = iter(x for x in ascii_letters if x not in "".join(words))
    new_words: list[str] = []
    ties: list[tuple[str, Expression]] = []
    for word, A in zip(words, arrays, strict=True):
        seen = ""
        for axis, letter in enumerate(word):
            is_new = letter not in seen
            seen += letter if is_new else next(free)
            if not is_new:
                ties.append((letter + seen[-1], Eye(A.shape[axis])))
        new_words.append(seen)
    return [*new_words, *(word for word, _ in ties)], [*arrays, *(eye for _, eye in ties)]


def _product(words: list[str], output: str, arrays: list[Expression]) -> Expression:
    sizes = _sizes(words, arrays)
    shape = tuple(sizes[letter] for letter in output)
    if any(isinstance(A, Zeros) for A in arrays):
        return Zeros(*shape) if output else S.Zero
    if all(set(word) == set(words[0]) for word in words) and set(output) in (set(words[0]), set()):
        order = output or words[0]
        whole = hadamard(*(permuted(A, [word.index(x) for x in order]) for word, A in zip(words, arrays, strict=True)))
        return whole if output else _total(whole)
    if not output:  # a scalar: the sum of all entries of an array that keeps the letters of one operand
        return _total(_product(words, words[0], arrays))
    found = _chain(words, output, arrays)
    return Einsum(_canonical(words, output), *arrays) if found is None else found


def _sizes(words: Sequence[str], arrays: Sequence[Expression]) -> dict[str, Size]:
    pairs = zip(words, arrays, strict=True)
    return {letter: size for word, A in pairs for letter, size in zip(word, A.shape, strict=True)}


def _chain(words: list[str], output: str, arrays: list[Expression]) -> Expression | None:
    """Return the matrix product of matrices, each as it is or transposed, whose letters make a chain; None if not."""
    if len(output) != 2 or any(len(word) != 2 for word in words) or len(words) < 2:
        return None
    left = list(zip(words, arrays, strict=True))
    at, factors = output[0], []
    while left:
        found = [k for k, (word, _) in enumerate(left) if at in word]
        if len(found) != 1:
            return None
        word, A = left.pop(found[0])
        factors.append(A if word[0] == at else transposed(A))
        at = word[1] if word[0] == at else word[0]
        if at == output[1] and left:
            return None
    return matmul(*factors) if at == output[1] else None


def product(a: Matrix, b: Matrix) -> Expression:
    """Return NumPy's `a @ b`: the last two axes are matrices, the others are repeated; a vector has no others."""
    words, output = _letters_of_product(len(a.shape), len(b.shape))
    arrays = [a, b]
    pairs = [(x, n) for word, A in zip(words, arrays, strict=True) for x, n in zip(word, A.shape, strict=True)]
    repeated = {x for x, n in pairs if n != 1}
    for k, A in enumerate((a, b)):  # an axis of one entry is repeated along that of the other factor
        gone = [axis for axis, x in enumerate(words[k]) if A.shape[axis] == 1 and x in repeated]
        arrays[k] = without_axes(A, gone)
        words[k] = "".join(x for axis, x in enumerate(words[k]) if axis not in gone)
    return einsum(f"{','.join(words)}->{output}", *arrays)
