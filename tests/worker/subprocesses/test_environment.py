"""The variables of a child."""

from worker.subprocesses.environment import ROOT, environment


def test_a_child_gets_no_secret_and_what_its_libraries_must_find() -> None:
    given = environment({"PATH": "/bin", "SUPERNET_KEY": "sk", "HF_TOKEN": "hf"})
    ours = {"OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    ours["PYTHONPATH"] = str(ROOT)
    assert given == {"PATH": "/bin"} | ours
    assert environment({"OMP_WAIT_POLICY": "active"})["OMP_WAIT_POLICY"] == "active", "the owner may know better"


def test_a_child_finds_our_packages_before_others_of_the_same_name() -> None:
    assert environment({"PYTHONPATH": "/a:/b"})["PYTHONPATH"] == f"{ROOT}:/a:/b"
