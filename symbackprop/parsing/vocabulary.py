"""The meaning of LaTeX commands and characters in formulas."""


def words(*rows: str) -> list[str]:
    """Return the words in some lines of text."""
    return [word for row in rows for word in row.split()]


GREEK = words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi",
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega",
)
LETTERS = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta"} | {
    "λ": "lambda", "μ": "mu", "σ": "sigma", "φ": "phi", "Δ": "Delta", "Θ": "Theta", "Σ": "Sigma", "Φ": "Phi",
    "ζ": "zeta", "κ": "kappa", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "τ": "tau", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Λ": "Lambda", "Ψ": "Psi", "Ω": "Omega", "ℓ": "ell",
}  # fmt: skip
_VARIANTS = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma"}
_FUNCTIONS = words("exp log ln tanh sinh cosh sin cos max min det arg dim Pr")
NAMES = {name: name for name in [*GREEK, "ell", *_FUNCTIONS, "infty"]} | _VARIANTS | {"imath": "i", "jmath": "j"}

# fmt: off
_KINDS = {
    "SIGN":     [("+", "+"), ("-", "-"), ("−", "-"), ("–", "-")],
    "OPERATOR": [(r"\cdot", r"\cdot"), ("·", r"\cdot"), ("⋅", r"\cdot"), (r"\times", r"\times"), ("×", r"\times"),
                 ("*", "*"), (r"\ast", "*"), ("∗", "*"), (r"\star", "*"), (r"\odot", r"\odot"), ("⊙", r"\odot"),
                 (r"\circ", r"\circ"), ("∘", r"\circ"), (r"\otimes", r"\otimes"), ("⊗", r"\otimes"), ("/", "/"),
                 (r"\bullet", r"\cdot"), (r"\div", "/"), ("@", "@"), (r"\bigodot", r"\odot"), (r"\boxdot", r"\odot")],
    "RELATION": [("=", "="), (":=", "="), (r"\equiv", "="), (r"\coloneqq", "="), (r"\triangleq", "="),
                 (r"\doteq", "="), (r"\approx", r"\approx"), ("≈", r"\approx"), (r"\simeq", r"\approx"),
                 (r"\sim", r"\sim"), (r"\propto", r"\propto"), ("∝", r"\propto"), (r"\in", r"\in"), ("∈", r"\in"),
                 ("<", "<"), (">", ">"), (r"\lt", "<"), (r"\gt", ">"), (r"\le", "<="), (r"\leq", "<="),
                 (r"\leqslant", "<="), (r"\ge", ">="), (r"\geq", ">="), (r"\geqslant", ">="), ("≤", "<="),
                 ("≥", ">="), (r"\ne", "!="), (r"\neq", "!="), ("≠", "!="), (r"\leftarrow", "<-"),
                 (r"\gets", "<-"), ("←", "<-"), (r"\to", "->"), ("→", "->"), (r"\rightarrow", "->"),
                 (r"\mapsto", "->"), (r"\mid", "|")],
    "ARROW":    [(r"\Rightarrow", ""), (r"\implies", ""), (r"\Longrightarrow", ""), (r"\Leftrightarrow", ""),
                 (r"\iff", ""), (r"\therefore", ""), ("⇒", ""), (r"\because", ""), (r"\land", ""), (r"\wedge", "")],
    "PRIME":    [("'", "'"), (r"\prime", "'"), ("′", "'"), ("’", "'")],
    "TOP":      [(r"\top", "T"), ("⊤", "T"), (r"\intercal", "T"), (r"\transp", "T")],
    "PARTIAL":  [(r"\partial", r"\partial"), ("∂", r"\partial")],
    "NABLA":    [(r"\nabla", r"\nabla"), ("∇", r"\nabla")],
    "SUM":      [(r"\sum", r"\sum"), ("∑", r"\sum"), (r"\prod", r"\prod"), ("∏", r"\prod"), (r"\Sigma_", r"\sum")],
    "ACCENT":   [(rf"\{name}", name) for name in ("hat", "widehat", "bar", "overline", "tilde", "widetilde", "dot",
                                                  "check", "breve")],
    "FRACTION": [(rf"\{name}", r"\frac") for name in ("frac", "cfrac", "dfrac", "tfrac", "nicefrac", "sfrac")],
    "ROOT":     [(r"\sqrt", r"\sqrt")],
    "ONE":      [("𝟙", "I")],
    "LPAR":     [("(", "("), (r"\lparen", "("), ("（", "(")],
    "RPAR":     [(")", ")"), (r"\rparen", ")"), ("）", ")")],
    "LBRACKET": [("[", "["), (r"\lbrack", "["), (r"\lfloor", "[")],
    "RBRACKET": [("]", "]"), (r"\rbrack", "]"), (r"\rfloor", "]")],
    "LBRACE":   [(r"\{", r"\{"), (r"\lbrace", r"\{"), (r"\langle", r"\langle")],
    "RBRACE":   [(r"\}", r"\}"), (r"\rbrace", r"\}"), (r"\rangle", r"\rangle")],
    "BAR":      [("|", "|"), (r"\vert", "|")],
    "LBAR":     [(r"\lvert", "|")],
    "RBAR":     [(r"\rvert", "|")],
    "NORM":     [(r"\|", r"\|"), (r"\Vert", r"\|"), ("‖", r"\|")],
    "LNORM":    [(r"\lVert", r"\|")],
    "RNORM":    [(r"\rVert", r"\|")],
    "NEWLINE":  [(r"\\", ""), (r"\newline", ""), (r"\cr", "")],
    "DOTS":     [("…", "…"), *((rf"\{name}", "…") for name in words("dots ldots cdots vdots ddots dotsc dotsb"))],
    "{":        [("{", "{"), (r"\bgroup", "{")],
    "}":        [("}", "}"), (r"\egroup", "}")],
    "^":        [("^", "^")],
    "_":        [("_", "_")],
    "&":        [("&", "&")],
    ",":        [(",", ","), ("，", ","), ("、", ",")],
    ";":        [(";", ";"), ("；", ";")],
    ":":        [(":", ":"), ("：", ":")],
    "STOP":     [(".", "."), ("!", "!"), ("。", ".")],
}
# fmt: on
TOKENS: dict[str, tuple[str, str]] = {
    written: (kind, value) for kind, rows in _KINDS.items() for written, value in rows
}
SPACING = {
    *words(", ; : ! > quad qquad enspace enskip thinspace medspace thickspace negthinspace displaystyle textstyle"),
    *words("scriptstyle limits nolimits left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl"),
    *words("space Biggr bigm Bigm nonumber notag hline noindent mathstrut strut allowbreak nobreak centering small"),
    *words("large Large normalsize footnotesize boldmath rm bf it displaylimits mathopen mathclose mathord mathbin"),
    *words("blacksquare square Box qed checkmark mathrel mathop mathpunct relax protect smash null cal"),
    " ",
}
WITH_ARGUMENT = {  # commands that are left out with their argument
    *words("label tag tag* vspace hspace vspace* hspace* phantom hphantom vphantom color ref eqref cite intertext"),
    *words("shortintertext require footnote mbox* tagref htmlClass"),
}
TRANSPARENT = {  # commands that leave their argument
    *words("mathbf boldsymbol bm pmb mathbfit vec mathit mathcal mathscr mathfrak mathnormal underline boxed"),
    *words("underbrace overbrace mathbfsf mathtt symbf symbfit symbfup ensuremath bold overrightarrow mathsfit"),
    *words("bbox cancel bcancel xcancel substack"),
}
SECOND_OF_TWO = {"textcolor", "colorbox", "underset", "overset", "stackrel", "htmlId"}
IN_WORDS = {  # commands whose argument is a word, or a comment
    *words("text mathrm operatorname operatorname* textrm textit textbf mbox mathsf textsf hbox mathbb textnormal"),
    *words("texttt Bbb mathds"),
}
PROSE = {
    *words("if where and or with for else otherwise so thus hence let then since is as by from using because"),
    *words("therefore denote define recall note given that such need"),
}
AROUND_EQUATIONS = {"boxed", "fbox", "color", "textcolor", "colorbox"}
ROWS = {  # environments
    *words("align aligned alignat alignedat equation gather gathered eqnarray multline split array flalign"),
    *words("displaymath math subequations"),
}
CASES = {"cases", "dcases", "rcases"}
MATRICES = {"matrix", "bmatrix", "pmatrix", "Bmatrix", "smallmatrix"}

# Functions that are written by name; proofread/interpreter/library.py computes them, and a test holds both together.
LIBRARY = frozenset(
    words(
        "tr Tr trace det diag softmax Softmax logsumexp LSE log_softmax logsoftmax sum mean max maximum dot matmul",
        "multiply transpose power prod tril square ones_like rowsum colsum",
    )
)
