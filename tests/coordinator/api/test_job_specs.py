from coordinator.accounts.keys_in_use import Principal
from coordinator.api.answering import choice_seed
from coordinator.api.job_specs import drawn, job_specs
from coordinator.media.job import MediaJob
from coordinator.scheduler.work import PromptCount
from tests.coordinator.media.making import PAINTER, WIDE
from tests.coordinator.rounds.scripts import chat

WHO = Principal("key", "me", ("client",), (), weight=2.0)


def test_each_choice_has_a_name_and_a_seed_of_its_own() -> None:
    headers = {"x-session-id": "s"}
    specs = job_specs(chat(n=2), WHO, headers, ["N.0", "N.1"], PromptCount(9), 30.0, 7)
    assert [(spec.id, spec.seed) for spec in specs] == [("N.0", choice_seed(7, 0)), ("N.1", choice_seed(7, 1))]
    assert {(spec.account, spec.key, spec.weight, spec.deadline_s) for spec in specs} == {("me", "key", 2.0, None)}
    assert {spec.upload_secret for spec in specs} == {""}


def test_what_is_made_may_be_uploaded_with_a_secret_of_its_own() -> None:
    specs = job_specs(MediaJob(PAINTER, WIDE, n=2), WHO, {}, ["N.0", "N.1"], PromptCount(0), 30.0, 7)
    assert len({spec.upload_secret for spec in specs}) == 2 and all(spec.upload_secret for spec in specs)


def test_a_request_of_one_name_draws_the_same_wherever_it_is_begun() -> None:
    assert drawn("N") == drawn("N") != drawn("N.2")
    assert 0 <= drawn("N") < 2**63
