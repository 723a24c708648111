import json
from pathlib import Path

from worker.machine.description import Reading
from worker.machine.scripted import ScriptedSensors


def test_the_file_is_read_each_time(tmp_path: Path) -> None:
    sensors = ScriptedSensors(tmp_path / "gpus.json")
    assert sensors.read() == ()
    for celsius in (50.0, 90.0):
        reading = {"name": "RTX", "memory_bytes": 10, "used_bytes": 5, "temperature_c": celsius}
        (tmp_path / "gpus.json").write_text(json.dumps([reading]))
        assert sensors.read() == (Reading("RTX", 10, 5, temperature_c=celsius, device="0"),)


def test_what_is_no_script_reads_as_no_gpu(tmp_path: Path) -> None:
    for text in ("", "{}", '[{"name": "RTX"}]'):
        (tmp_path / "gpus.json").write_text(text)
        assert ScriptedSensors(tmp_path / "gpus.json").read() == ()
