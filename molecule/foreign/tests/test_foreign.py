"""What was there before the first run is there after each later one, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from molecule.conftest import ISCSI, NODES, Host, machine, new_secret, play, site

CHANGED_OPTIONS = '--extra-vars={"model_volume_mount_options": ["noatime", "nodiratime"]}'


def remove() -> None:
    done = play("remove", "--extra-vars=modelstore_remove=gpu1")
    assert done.returncode == 0, done.stdout


def new_secrets() -> None:
    for name in NODES:
        new_secret(name)
    site(ISCSI)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: None, id="the first run of site"),
        pytest.param(
            lambda: site(CHANGED_OPTIONS, "--tags=model_volume"), id="other mount options"
        ),
        pytest.param(new_secrets, id="new secrets"),
        pytest.param(remove, id="removal"),
        pytest.param(site, id="site after the removal"),
    ],
)
def test_foreign_objects_stay_as_they_were_through(run: Callable[[], object]) -> None:
    run()
    for name in ("store1", "gpu1"):
        host: Host = machine(name)
        before = host.file("/root/foreign.before").content_string
        assert "foreign" in before
        assert host.check_output("foreign-state").strip() == before.strip()


def test_foreign_objects_come_back_when_the_saved_configuration_is_restored() -> None:
    store = machine("store1")
    saved = store.check_output("sha256sum /etc/rtslib-fb-target/saveconfig.json")
    store.check_output("systemctl restart rtslib-fb-targetctl")
    # LIO may number its adapters in another order.
    state = "sed -E 's/core\\/fileio_[0-9]+/core\\/fileio_N/'"
    before = store.check_output(f"{state} /root/foreign.before")
    assert store.check_output(f"foreign-state | {state}") == before
    assert store.check_output("sha256sum /etc/rtslib-fb-target/saveconfig.json") == saved
