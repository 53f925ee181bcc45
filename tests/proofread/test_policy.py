"""The policy as a table, the guards, and the budgets: what is said of a line when something is odd about it."""

import pytest

import symbackprop as sb
from symbackprop.parsing.documents import read_document
from symbackprop.parsing.statements import read_statements
from symbackprop.proofread.derivation import judge, lines, policy
from symbackprop.proofread.derivation.evidence import Evidence
from symbackprop.proofread.derivation.search import best_reading
from symbackprop.proofread.interpreter.budget import Budget

SOFTMAX = """
s: parameter(1, K)
t: one_hot(1, K)
q = softmax(s)
J = -sum(t * log(q))
"""
BATCH = """
X: input(N, D)
Y: target(N, K)
W: parameter(D, K)
Z = X @ W
A = tanh(Z)
J = sum((A - Y)**2) / 2
"""
CHAIN = "\n".join(
    [
        "x: input(1, 1)",
        "t: target(1, 1)",
        *(f"w{k}: parameter(1, 1)" for k in range(1, 6)),
        *(f"h{k} = sigmoid(w{k}*{'x' if k == 1 else f'h{k - 1}'})" for k in range(1, 6)),
        "J = sum((h5 - t)**2)",
    ]
)


def checked(text, network=BATCH, **options):
    return sb.check_derivation(text, sb.parse_network(network), **options)


def verdicts(text, network=BATCH):
    return [str(line.verdict) for line in checked(text, network).lines]


# the table


def test_each_row_of_the_policy_names_a_fact_and_the_last_one_always_applies():
    facts = [rule.fact for rule in policy.POLICY]
    assert len(set(facts)) == len(facts)
    assert all(hasattr(Evidence, fact) for fact in facts)
    assert {str(rule.verdict) for rule in policy.POLICY} == {str(verdict) for verdict in sb.LineVerdict}


def test_a_line_says_which_row_decided():
    check = checked("$$A = \\tanh(Z)$$ $$U = A - Y$$ $$\\frac{\\partial J}{\\partial A} = Y - A$$")
    assert [line.rule for line in check.lines] == ["holds", "only_defines", "repaired"]
    assert check.to_dict()["lines"][2]["rule"] == "repaired"


# kinds of their own


@pytest.mark.parametrize(
    ("text", "verdict", "rule"),
    [
        ("$$U = A - Y$$", "defined here", "only_defines"),
        ("With $Y = 2 A$ for now.", "another meaning", "given_quantity"),
        ("$$A = Z \\odot Z \\odot Y$$", "another meaning", "not_the_networks"),
        ("$$(N \\times D) (D \\times K) = N \\times K$$", "no claim", "states_sizes"),
        (
            "$$\\frac{\\partial J}{\\partial A} = \\frac{\\partial J}{\\partial A} + A$$",
            "not understood",
            "own_left_side",
        ),
    ],
)
def test_kinds_of_their_own(text, verdict, rule):
    (line,) = checked(text).lines
    assert (str(line.verdict), line.rule) == (verdict, rule)


def test_where_all_lines_are_definitions_nothing_was_checked():
    check = checked("$$U = A - Y$$ $$V = U \\odot U$$")
    assert {str(line.verdict) for line in check.lines} == {"defined here"}
    assert check.verdict == "not understood"
    assert "nothing was checked" in str(check)
    more = checked("$$U = A - Y$$ $$\\frac{\\partial J}{\\partial A} = U$$")
    assert more.verdict == "right"
    assert "nothing was checked" not in str(more)


def test_one_value_for_all_seeds():
    text = "If $i \\ne j$, $$\\frac{\\partial q_i}{\\partial s_j} = -q_i q_j.$$ $$\\frac{\\partial J}{\\partial s} = t - q$$"
    found = {tuple(line.verdict for line in checked(text, SOFTMAX, seed=seed).lines) for seed in range(4)}
    assert len(found) == 1


# conditions


@pytest.mark.parametrize(
    ("before", "behind", "verdict"),
    [
        ("For $i \\neq j$ we get", "", "right"),
        ("", "\\quad \\text{for } i \\neq j", "right"),
        ("For $i = j$ we get", "", "wrong"),
        ("", "", "convention"),
    ],
)
def test_a_condition_is_part_of_the_claim(before, behind, verdict):
    text = f"{before}\n$$\\frac{{\\partial q_i}}{{\\partial s_j}} = -q_i q_j {behind}$$"
    other = "$$\\frac{\\partial J}{\\partial s_i} = q_i - t_i$$\n\n"
    assert verdicts(other + text, SOFTMAX)[-1] == verdict


def test_a_condition_on_another_line_is_no_condition_of_this_one():
    text = "For $i \\neq j$ $$\\frac{\\partial q_i}{\\partial s_j} = -q_i q_j.$$ In general $$\\frac{\\partial J}{\\partial s_i} = -t_i q_i$$"
    assert "right" not in verdicts(text, SOFTMAX)[1:]


# guards


def test_an_exception_in_one_formula_costs_this_formula_alone(monkeypatch):
    plain = judge.compare_with_letters

    def failing(reading, setting, left, right):
        if "tanh" in right.source:
            raise ZeroDivisionError("planted")
        return plain(reading, setting, left, right)

    monkeypatch.setattr(judge, "compare_with_letters", failing)
    one, other = checked(
        "$$\\frac{\\partial A}{\\partial Z} = 1 - \\tanh^2(Z)$$ $$\\frac{\\partial J}{\\partial A} = A - Y$$"
    ).lines
    assert (str(one.verdict), str(other.verdict)) == ("not understood", "right")
    assert "planted" in one.reason


def test_an_exception_in_the_search_for_a_cause_costs_this_formula_alone(monkeypatch):
    def failing(*_, **__):
        raise OverflowError("planted")

    monkeypatch.setattr("symbackprop.proofread.derivation.evidence.find_repair", failing)
    found = verdicts("$$A = \\tanh(Z)$$ $$\\frac{\\partial J}{\\partial A} = Y - A$$")
    assert found == ["right", "not understood"]


@pytest.mark.parametrize(
    "formula",
    ["A^{1/0}", "(X^T X)^{10^{400}}", "\\sum_{j=1, j \\ne j}^{K} A_{nj}", "A^{-1/2} (Z + 1)^{1/0}", "A_{0}", "0^{-1}"],
)
def test_numbers_that_overflow_do_not_end_the_report(formula):
    found = verdicts(
        f"$$\\frac{{\\partial J}}{{\\partial A}} = {formula}$$ $$\\frac{{\\partial J}}{{\\partial A}} = A - Y$$"
    )
    assert found[-1] == "right"
    assert found[0] != "right"


# doubts and what is no doubt

COLUMNS = """
x: input(n0, 1)
y: target(n2, 1)
W1: parameter(n1, n0)
W2: parameter(n2, n1)
z1 = W1 @ x
a1 = tanh(z1)
z2 = W2 @ a1
a2 = tanh(z2)
J = sum((a2 - y)**2) / 2
"""
TWO_STEPS = """
x1: input(D, 1)
y1: one_hot(K, 1)
x2: input(D, 1)
y2: one_hot(K, 1)
V: parameter(K, D)
p1 = softmax(V @ x1, axis=0)
p2 = softmax(V @ x2, axis=0)
L = -sum(y1*log(p1)) - sum(y2*log(p2))
"""
IN_A = "$$\\frac{\\partial J}{\\partial A} = A - Y$$\n\n"
AT_END = "$$\\delta_2 = (a_2 - y) \\odot (1 - a_2^2)$$ $$\\frac{\\partial J}{\\partial W_2} = \\delta_2 a_1^T$$\n\n"


def last(text, network):
    line = checked(text, network).lines[-1]
    return str(line.verdict), line.rule


@pytest.mark.parametrize(
    ("formula", "verdict", "rule"),
    [
        (r"\frac{\partial J}{\partial W^{(2)}} = (A^{(1)})^T \delta^{(2)}", "another meaning", "numbers_layers"),
        (r"\frac{\partial J}{\partial W^{(1)}} = X^T \frac{\partial J}{\partial Z}", "right", "holds"),
        (r"\frac{\partial J}{\partial W^{(1)}} = -X^T \frac{\partial J}{\partial Z}", "wrong", "repaired"),
    ],
)
def test_lines_that_number_layers_are_about_another_network_if_there_is_one_layer(formula, verdict, rule):
    assert last(f"{IN_A}$${formula}$$", BATCH) == (verdict, rule)


@pytest.mark.parametrize(
    ("factor", "found"),
    [("W_2^T", ("right", "holds")), ("W_2", ("not understood", "holds_for_one_unit"))],
)
def test_what_holds_for_one_unit_alone_is_not_right_if_two_factors_do_not_fit(factor, found):
    chain = rf"\frac{{\partial a_1}}{{\partial z_1}} {factor} \delta_2 \frac{{\partial z_1}}{{\partial W_1}}"
    assert last(rf"{AT_END}$$\frac{{\partial J}}{{\partial W_1}} = {chain}$$", COLUMNS) == found


@pytest.mark.parametrize(("sign", "verdict"), [("", "right"), ("-", "wrong")])
def test_a_wrong_sign_is_no_doubt_about_shapes(sign, verdict):
    assert last(rf"{AT_END}$$\frac{{\partial z_2}}{{\partial z_2}} = {sign}1$$", COLUMNS)[0] == verdict


@pytest.mark.parametrize(
    ("cost", "found"),
    [
        (r"-\sum_k y_{t,k} \log p_{t,k}", ("right", "holds")),
        (r"-y_t \log p_t", ("not understood", "cost_without_sum")),
    ],
)
def test_a_cost_without_its_sum_accuses_no_line_that_uses_it(cost, found):
    assert last(rf"$$L_t = {cost}$$ $$L = \sum_t L_t$$", TWO_STEPS) == found


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        (r"X^T ((A - Y) \odot (1 - A^2)) = 0", ("convention", "factor_at_minimum")),
        (r"2 X^T ((A + Y) \odot (1 - A^2)) = 0", ("wrong", "repaired")),
    ],
)
def test_a_factor_makes_no_difference_where_a_gradient_is_set_to_0(formula, found):
    twice = r"$$\frac{\partial J}{\partial W} = 2 X^T ((A - Y) \odot (1 - A^2))$$"
    line = rf"$$\frac{{\partial J}}{{\partial W}} = {formula}$$"
    assert last(IN_A.replace("A - Y", "2 (A - Y)") + twice + line, BATCH.replace(" / 2", "")) == found


@pytest.mark.parametrize(
    ("factor", "found"),
    [("", ("convention", "factor_of_stated_cost")), ("3", ("wrong", "repaired"))],
)
def test_a_derivative_may_be_of_the_cost_that_the_document_states(factor, found):
    costs = r"$$J = \sum_{n,k} (A_{nk} - Y_{nk})^2$$ Others take $$J = \frac{1}{2} \sum_{n,k} (A_{nk} - Y_{nk})^2.$$"
    other = r"$$\frac{\partial J}{\partial Z} = 2 (A - Y) \odot (1 - A^2)$$ "
    other += r"$$\frac{\partial J}{\partial W} = 2 X^T ((A - Y) \odot (1 - A^2))$$ $$Z = X W$$ $$A = \tanh(Z)$$ "
    line = rf"$$\frac{{\partial J}}{{\partial A}} = {factor} (A - Y)$$"
    assert last(costs + other + line, BATCH.replace(" / 2", "")) == found


# budgets


def test_a_budget_inside_another_takes_no_more_than_is_left():
    budget = Budget()
    with budget.at_most(10):
        with budget.at_most(100):
            budget.taken += 11
            assert budget.is_spent
        assert budget.is_spent
    assert not budget.is_spent


def test_what_takes_too_many_steps_is_not_understood(monkeypatch):
    monkeypatch.setattr(judge, "STEPS_OF_LINE", 2)
    (line,) = checked("$$\\frac{\\partial J}{\\partial W} = X^T ((A - Y) \\odot (1 - A^2))$$").lines
    assert (str(line.verdict), line.reason) == ("not understood", "it takes too many steps to evaluate")


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (
            "2 (h_5 - t) h_5 (1 - h_5) w_5 h_4 (1 - h_4) w_4 h_3 (1 - h_3) w_3 h_2 (1 - h_2) w_2 h_1 (1 - h_1) x",
            "right",
        ),
        ("2 (h_5 - t) h_5 (1 - h_5) w_5 h_4 (1 - h_3) w_4 h_3 (1 - h_4) w_3 h_2 (1 - h_2) w_2 h_1 (1 - h_1)", "wrong"),
    ],
)
def test_long_products_of_numbers_end_within_the_budget(formula, verdict):
    text = f"$$\\frac{{\\partial J}}{{\\partial w_1}} = {formula}$$"
    document, network = read_document(text), sb.parse_network(CHAIN)
    statements = read_statements(document, list(network.symbols), [str(p.name) for p in network.parameters])
    reading = best_reading(network, document, statements, 0)
    (line,) = lines.checked_lines(reading)
    assert line.verdict == verdict
    assert reading.points.budget.taken < 2 * lines.STEPS_OF_LINE


# chains


def test_a_chain_behind_a_head_that_is_not_understood_is_compared_with_itself():
    text = "\\begin{align} \\frac{\\partial q_k}{\\partial s_k} &= q_k (1 - q_k) \\end{align}\n"
    chain = "\\begin{align} M ! &= q_i - t_i \\\\ &= -(t_i - q_i) \\\\ &= t_i - q_i \\end{align}"
    assert "wrong" not in verdicts(text + chain, SOFTMAX)[:2]
    behind_words = (
        "\\begin{align} \\frac{\\partial J}{\\partial s_i} &= \\text{by the chain rule} \\\\ &= q_i - t_i \\end{align}"
    )
    assert verdicts(text + behind_words, SOFTMAX)[-1] == "right"
    assert verdicts(text + behind_words.replace("q_i - t_i", "t_i - q_i"), SOFTMAX)[-1] == "wrong"


# corrections


def test_a_correction_is_not_the_left_side_and_has_no_names_of_its_own():
    for text in ("$$\\frac{\\partial J}{\\partial A} = A + W$$", "$$A = Y \\odot Z$$", "$$f(u) = u^3$$"):
        (line,) = checked(text).lines
        left, _, right = line.correction.partition(" = ")
        assert not right or left not in right
        assert "G" not in line.correction
