"""Which cases of the longer tests run where: fast ones in `pytest`, slow ones in CI too, the rest with -m nightly.

A row is a test function, or a file for all of its functions; then every how many-th case of a function is fast, and
every how many-th of the others is slow: 0 for none, 1 for all. A case that its file marks as slow stays slow, so that
the corpora plant every kind of mistake in CI.
"""

import re
from collections import Counter

import pytest

# Tests that plant errors, or what must be refused, by a word in their names. Each has all of its cases in CI, but for those
# of REPEATED, which repeat in more cases what runs in CI: the same kinds in other networks, documents or regimes.
PLANTED = re.compile(
    "accept|caught|drop|false|forgot|misprint|mistake|notice|planted|refus|reject|said|tamper|wrong", re.IGNORECASE
)
REPEATED = {
    "certificate/test_certificate.py::test_planted_errors_of_many_kinds_are_refused": "two others run, and every third of these",
    "proofread/test_repairs.py::test_the_mistake_is_named_by_the_edit_that_repairs_it": "every third kind of edit runs",
    "backprop/test_rules.py::test_planted_error_in_each_rule_is_caught": "each rule has a change that runs",
    "prove/test_prove.py::test_every_planted_rule_is_caught_by_a_proof_and_by_numbers": "half of the rules run, all in test_rules.py",
    "certificate/test_mutants.py::test_every_mutant_is_refused_at_the_broken_rule": "every 24th mutant of the home network runs",
    "proofread/test_check_function.py::test_a_mistake_is_an_assertion_with_the_report": "its mistake is refused by day",
    "codegen/test_bound_function.py::test_a_mistake_in_a_part_is_said_from_every_thread": "the first case runs",
    "codegen/test_dask.py::test_every_network_is_right_or_refused": "networks of the zoo, of which every fourth runs",
    "gradcheck/test_harsh.py::test_right_gradients_of_harsh_networks_are_never_wrong": "half of the kinds run",
    "gradcheck/test_harsh.py::test_planted_mistakes_are_rejected": "every second kind of network runs",
    "gradcheck/test_harsh.py::test_right_gradients_of_many_harsh_networks_are_hardly_ever_wrong": "each kind of network runs",
    "gradcheck/test_mistakes.py::test_mistakes_are_rejected_where_the_right_gradient_is_accepted": "half of the regimes",
    "gradcheck/test_mistakes.py::test_mistakes_are_rejected_in_ten_thousand_entries_of_each_regime": "eight kinds run in one",
    "proofread/test_code_corpus.py::test_the_mistake_is_named": "the first case of each kind runs",
    "proofread/test_derivation_corpus.py::test_no_right_line_is_called_wrong": "the first case of each kind runs",
    "proofread/test_derivation_corpus.py::test_the_mistake_is_found_at_its_line_and_nowhere_else": "likewise",
    "proofread/test_derivation_corpus.py::test_the_mistake_is_named": "likewise",
    "proofread/test_check_vjp.py::test_planted_mistakes_of_layers_are_refused_and_named": "each kind runs on some layers",
    "prove/test_false_tapes.py::test_no_false_tape_is_accepted": "each kind runs on one network",
    "prove/test_prove.py::test_tampered_steps_of_other_networks_are_caught": "one network runs",
}

# fmt: off
LONGER = {  # (fast, slow)
    "backprop/test_rules.py":           (6, 1),
    "backprop/test_simplify.py":        (6, 1),
    "backprop/test_steps.py":           (6, 4),
    "codegen/test_array_api.py":        (6, 4),
    "codegen/test_bound_function.py":   (6, 4),
    "codegen/test_dask.py":             (6, 4),
    "codegen/test_precision.py":        (6, 4),
    "expressions/test_functions.py":    (6, 4),
    "expressions/test_intervals.py":    (6, 4),
    "mistakes/test_mutants.py": (6, 1),
    "gradcheck/test_precision.py":      (8, 1),
    "codegen/test_textbook.py::test_the_values_are_those_of_the_fast_function": (4, 1),
    "codegen/test_written_out.py": (6, 2),
    "network/test_domain.py":           (6, 1),
    "network/test_models.py":           (6, 4),
    "network/test_zoo.py":              (6, 4),
    "network/test_upstream.py::test_vector_jacobian_products_are_those_of_jax_and_proved": (8, 2),
    "printing/test_indices.py":         (6, 4),
    "printing/test_readback.py":        (6, 4),
    "prove/test_index_form.py":         (6, 1),
    "proofread/test_code_corpus.py": (240, 1000),
    "proofread/test_derivation_corpus.py": (24, 8),
    "test_derivation.py":               (6, 4),
    "test_registration.py":             (6, 4),
    "backprop/test_matrix_cookbook.py::test_every_step_is_proved":                      (5, 3),
    "codegen/test_array_api.py::test_costs_are_finite_and_right_at_1200":               (0, 1),
    "codegen/test_extremes.py::test_the_derivation_is_proved":                          (4, 3),
    "corpora/test_code.py::test_a_case_is_what_it_says": (12, 1),
    "gradcheck/test_check.py::test_few_false_alarms_on_random_networks":                (0, 1),
    "gradcheck/test_harsh.py::test_planted_mistakes_are_rejected": (0, 2),
    "gradcheck/test_harsh.py::test_right_gradients_of_harsh_networks_are_never_wrong":  (6, 2),
    "gradcheck/test_harsh.py::test_right_gradients_of_mild_smooth_networks_are_right":  (0, 1),
    "gradcheck/test_mistakes.py::test_mistakes_are_rejected_where_the_right_gradient_is_accepted": (0, 2),
    "codegen/test_numba.py":            (0, 1),
    "codegen/test_numba.py::test_loops_compute_what_numpy_computes":                    (4, 1),
    "proofread/test_check_derivation.py::test_every_network_reads_back": (20, 8),
    "network/test_models.py::test_every_step_is_proved_printed_back_and_checked": (0, 12),
    "network/test_random_texts.py::test_every_step_is_proved_and_printed_back":         (0, 1),
    "network/test_random_texts.py::test_gradients_are_those_of_autograd":               (0, 1),
    "proofread/test_check_vjp.py::test_planted_mistakes_of_layers_are_refused_and_named": (0, 5),
    "backprop/test_second.py::test_products_are_differences_of_gradients_and_proved":    (8, 1),
    "proofread/test_check_jacobian.py":  (3, 1),
    "proofread/test_check_objective.py": (3, 1),
    "proofread/test_second.py::test_conditions_on_targets_excuse_and_those_on_features_do_not": (0, 1),
    "proofread/test_check_vjp.py::test_sizes_may_have_names_that_are_taken": (0, 4),
    "proofread/test_second.py::test_right_products_are_right": (4, 2),
    "proofread/test_second.py::test_planted_mistakes_are_refused_and_named": (6, 1),
    "proofread/test_second.py::test_planted_blocks_in_another_order_are_named": (0, 1),
    "proofread/test_second.py::test_right_hessians_of_several_parameters_are_right": (0, 2),
    "proofread/test_second.py::test_what_is_no_second_derivative_is_refused": (2, 1),
    "proofread/test_second.py::test_for_the_opposite_of_the_gradient_both_signs_are_conventions": (0, 1),
    "proofread/test_second.py::test_the_direction_may_have_a_shape_among_the_others": (0, 1),
    "proofread/test_second.py::test_differences_of_gradients_are_undecided": (0, 1),
    "proofread/test_check_vjp.py::test_right_layers_are_right":                         (16, 1),
    "proofread/test_check_vjp.py::test_gradients_are_found_by_name_and_by_order":       (4, 1),
    "proofread/test_check_vjp.py::test_what_cannot_be_understood_is_refused_with_a_reason": (1, 1),
    "network/test_zoo.py::test_every_step_is_proved":                                   (20, 6),
    "parsing/test_fuzz.py::test_what_is_never_closed": (8, 2),
    "proofread/test_check_code.py::test_minus_the_gradient_is_right_by_convention":     (0, 1),
    "proofread/test_check_code.py::test_planted_mistakes_are_named":                    (9, 1),
    "proofread/test_check_derivation.py::test_number_is_no_size":                       (4, 1),
    "proofread/test_check_derivation.py::test_slip_is_no_quantity_of_the_documents_own": (0, 2),
    "proofread/test_examples.py::test_a_sum_over_the_entries_of_each_layer":            (3, 1),
    "proofread/test_examples.py::test_slopes_of_the_cost_of_one_example":               (3, 1),
    "proofread/test_examples.py::test_the_cost_of_one_example_has_no_penalty":          (0, 1),
    "proofread/test_letters.py::test_the_last_step_of_time":                            (4, 1),
    "proofread/test_letters.py::test_units_of_any_layer":                               (12, 2),
    "prove/test_prove.py::test_a_contribution_that_is_dropped_where_uses_are_added_up_is_caught": (0, 1),
    "prove/test_prove.py::test_a_use_that_the_walk_does_not_see_is_caught":             (3, 1),
    "prove/test_prove.py::test_every_planted_rule_is_caught_by_a_proof_and_by_numbers": (8, 2),
    "prove/test_prove.py::test_every_rule_is_proved":                                   (3, 1),
    "prove/test_prove.py::test_every_tampered_step_of_the_home_network_is_caught":      (0, 1),
    "prove/test_prove.py::test_no_name_of_a_network_is_taken_for_a_perturbation":       (0, 1),
    "network/test_random_arrays.py::test_gradients_are_those_of_jax":                   (0, 1),
    "certificate/test_certificate.py::test_coq_accepts_the_home_network_with_the_axioms_of_the_real_numbers_alone": (0, 1),
    "certificate/test_certificate.py::test_a_planted_error_is_refused_at_its_place":    (0, 1),
    "prove/test_prove.py::test_right_derivations_are_proved": (20, 5),
    "printing/test_printing.py::test_latex_has_no_double_scripts_and_plain_characters":(12, 4),
    "printing/test_printing.py::test_the_latex_of_the_zoo_compiles":                   (0, 2),
    "render/test_html.py::test_well_formed_without_rests_of_latex": (24, 24),
    "render/test_render.py::test_every_derivative_in_the_zoo_is_defined":                (12, 4),
    "render/test_render.py::test_every_view_compiles_on_pages_that_are_wide_enough":    (10, 3),
    "test_pytest_plugin.py::test_checks_of_other_processes_are_listed_too":             (0, 1),
    "network/test_models.py::test_what_cannot_be_built_is_refused": (1, 1),
    "test_registration.py::test_anything_but_a_function_is_refused": (1, 1),
    "test_registration.py::test_names_that_are_not_free_are_refused": (1, 1),
    "test_registration.py::test_kinks_are_found": (1, 1),
    "codegen/test_bound_function.py::test_a_bound_function_refuses_other_arguments": (1, 1),
    "codegen/test_bound_function.py::test_what_cannot_be_bound_is_said": (1, 1),
    "codegen/test_array_api.py::test_a_planted_mistake_is_noticed": (1, 1),
    "codegen/test_array_api.py::test_an_argument_that_does_not_fit_is_named": (1, 1),
    "codegen/test_dask.py::test_a_planted_mistake_is_noticed": (1, 1),
    "codegen/test_dask.py::test_an_argument_that_does_not_fit_is_named_before_anything_is_computed": (1, 1),
    "backprop/test_steps.py::test_planted_errors_are_noticed": (1, 1),
    "printing/test_readback.py::test_planted_misprints_are_noticed": (1, 1),
    "test_derivation.py::test_deriving_by_what_is_no_parameter_is_refused": (1, 1),
    "gradcheck/test_mistakes.py::test_right_gradients_are_never_wrong": (4, 1),
    "proofread/test_check_code.py::test_a_cost_that_moves_in_jumps_is_said_to_have_the_gradient_0": (0, 1),
    "proofread/test_letters.py::test_an_index_on_one_side_alone_is_the_class_of_the_example": (6, 1),
    "proofread/test_letters.py::test_one_word_below_data_says_nothing_more": (2, 1),
    "gradcheck/test_harsh.py::test_kinks_that_hide_beside_others_are_no_mistakes": (0, 1),
    "proofread/test_notation.py::test_printed_text_reads_back": (0, 1),
    "proofread/test_check_vjp.py::test_the_sign_of_a_layer_is_no_convention_but_that_of_a_cost_is": (0, 1),
    "gradcheck/test_precision.py::test_a_forgotten_gradient_is_never_right_however_coarse_the_cost_is": (0, 1),
    "proofread/test_code_as_held.py::test_gradients_are_written_into_arrays_of_the_object": (0, 2),
    "proofread/test_code_as_held.py::test_results_are_read_as_formulas": (2, 1),
    "proofread/test_code_as_held.py::test_the_gradient_is_found_from_an_update": (0, 2),
    "render/test_plots.py::test_errors_over_steps_are_a_v_above_the_extrapolated_derivative": (0, 1),
    "test_pytest_plugin.py::test_the_first_line_of_a_failure_is_the_finding_and_every_entry_is_listed_on_request": (0, 1),
    "codegen/test_generate.py::test_generated_tests_pass_and_notice_a_planted_mistake": (0, 1),
    "codegen/test_generate.py::test_source_is_the_text_that_runs_and_imports_numpy_alone": (4, 1),
    "network/test_arrays.py::test_every_step_is_proved_for_all_sizes": (0, 2),
    "parsing/test_fuzz.py::test_long_formulas": (4, 1),
    "proofread/test_data_conditions.py": (6, 1),
    "proofread/test_policy.py::test_long_products_of_numbers_end_within_the_budget": (0, 1),
    "proofread/test_policy.py::test_a_condition_is_part_of_the_claim": (2, 1),
    "proofread/test_examples.py::test_what_has_the_number_of_examples_is_not_read_for_one": (3, 1),
    "prove/test_true_lines.py::test_a_true_line_is_proved_for_all_sizes": (4, 1),
    "cli/test_commands.py::test_check_of_functions_of_the_users_own": (3, 1),
    "gradcheck/test_symptoms.py::test_planted_mistakes_are_named": (3, 1),
    "test_registration.py::test_a_registered_function_is_derived_proved_generated_and_checked": (3, 1),
    "backprop/test_rules.py::test_planted_error_in_each_rule_is_caught": (12, 2),
    "proofread/test_check_derivation.py::test_command_without_a_network": (0, 1),
    "proofread/test_right_derivations.py::test_no_right_line_is_called_wrong": (6, 1),
    "gradcheck/test_precision.py::test_every_scale_of_weights_inputs_and_cost": (8, 3),
    "proofread/test_check_function.py::test_updates_of_arrays_and_loops_of_jax_are_read_by_entry": (0, 1),
    "proofread/test_check_function.py::test_a_right_function_of_jax_is_right": (0, 1),
    "page/test_marked.py::test_the_command_writes_a_page_and_remarks_by_line": (0, 1),
    "prove/test_index_form.py::test_what_is_proved_agrees_with_numbers": (0, 1),
    "render/test_plots.py::test_steps_by_default_are_those_of_the_largest_gradient": (0, 1),
    "render/test_plots.py::test_matplotlib_is_imported_only_to_draw_and_pyplot_never": (0, 1),
    "test_derivation.py::test_growth_is_linear_in_depth": (0, 2),
    "proofread/test_check_derivation.py::test_command": (0, 1),
    "proofread/test_check_code.py::test_the_first_quantity_that_differs_is_named_with_both_formulas": (0, 1),
    "mistakes/test_mutants.py::test_mistakes_of_the_catalogue_are_explained": (0, 1),
    "network/test_models.py::test_a_deep_recurrent_network_stays_linear": (0, 1),
    "test_kinds.py::test_every_kind_has_a_row_that_names_it": (0, 1),
    "gradcheck/test_check.py::test_where_many_entries_differ_at_kinks_each_is_looked_at": (0, 1),
    "proofread/test_check_vjp.py::test_layers_may_be_objects_that_keep_what_they_need": (0, 1),
    "proofread/test_check_vjp.py::test_a_product_of_the_upstream_gradient_with_the_gradient_of_the_sum_is_named": (0, 1),
    "proofread/test_policy.py::test_a_chain_behind_a_head_that_is_not_understood_is_compared_with_itself": (0, 1),
    "backprop/test_second.py::test_a_product_with_a_dropped_term_is_refused": (0, 1),
    "proofread/test_data_conditions.py::test_a_mistake_beside_one_hot_rows_is_found_where_it_is": (0, 1),
    "certificate/test_certificate.py::test_coq_accepts_gradients_and_lines": (0, 4),
    "certificate/test_certificate.py::test_planted_errors_of_many_kinds_are_refused": (0, 3),
    "proofread/test_repairs.py::test_the_mistake_is_named_by_the_edit_that_repairs_it": (12, 3),
    "proofread/test_code_as_held.py": (6, 2),
    "backprop/test_rules.py::test_rule_against_the_derivative_of_each_entry": (6, 2),
    "codegen/test_numba.py::test_results_are_those_of_numpy": (0, 2),
    "codegen/test_numba.py::test_gradients_are_those_of_autograd": (0, 2),
    "codegen/test_kept_values.py::test_gradients_are_right_on_every_backend": (0, 2),
    "codegen/test_dask_processes.py::test_a_worker_is_killed_and_the_result_is_right": (0, 0),
    "proofread/test_check_vjp.py::test_weights_and_gradients_may_be_in_dictionaries_of_the_object": (0, 1),
    "render/test_plots.py::test_a_wrong_gradient_stands_far_above_the_error_bar": (0, 1),
    "proofread/test_check_vjp.py::test_arrays_that_end_alike_are_not_confused": (0, 1),
    "backprop/test_simplify.py::test_what_has_no_name_simplifies_too": (0, 1),
    "printing/test_printing.py::test_latex_compiles": (0, 1),
    "network/test_index_arrays.py::test_a_sorted_cost_is_derived_proved_and_right": (0, 1),
    "cli/test_commands.py::test_a_terminal_without_the_signs_gets_ascii": (0, 1),
    "cli/test_commands.py::test_demo_shows_everything": (0, 1),
    "backprop/test_second.py::test_products_are_those_of_jax": (0, 1),
    "parsing/test_fuzz.py::test_broken_documents": (0, 1),
    "tracing/test_functions_of_more_axes.py::test_a_function_is_read_and_its_text_is_read_back_as_the_same_network": (8, 2),
    "test_documents.py::test_console_blocks": (2, 1),
    "gradcheck/test_check.py::test_noise_of_the_cost_is_no_mistake_of_the_gradient": (5, 1),
}
# fmt: on


def only_at_night(items: list[pytest.Item]) -> set[str]:
    """Return the tests of planted errors of which some cases run at night only."""
    nightly = {item.nodeid for item in items if item.get_closest_marker("nightly")}
    return {name for name in map(_function, nightly) if PLANTED.search(name.partition("::")[2])}


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0].removeprefix("tests/")


def mark_longer(items: list[pytest.Item]) -> None:
    """Mark the cases of the tests above by their number."""
    seen: Counter[str] = Counter()
    for item in items:
        name = _function(item.nodeid)
        row = LONGER.get(name) or LONGER.get(name.partition("::")[0])
        if row:
            fast, slow = row
            number, seen[name] = seen[name], seen[name] + 1
            if (not fast or number % fast) and item.get_closest_marker("slow") is None:
                item.add_marker(pytest.mark.slow if number % slow == 0 else pytest.mark.nightly)
