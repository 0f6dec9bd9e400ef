"""What is refused before anything is touched."""

from __future__ import annotations

from molecule.conftest import MOUNT, lio_state, machine, play, said, site, volume_wwid

APP = "indextts2@default"
CACHE_HUB = "/opt/index-tts/cache_hub"


def test_a_foreign_signature_is_refused_in_check_mode_and_for_real() -> None:
    node, device = machine("gpu2"), f"/dev/mapper/{volume_wwid('gpu2')}"
    clear = f"dd if=/dev/zero of={device} bs=1M oflag=direct || test $? = 1"  # ends at the end
    node.check_output(f"systemctl stop {APP} && umount {MOUNT}")
    node.check_output(clear)
    node.check_output(f"mkswap {device}")
    before = node.check_output(f"sha256sum {device}")
    for arguments in (("--check",), ()):
        done = play("site", "--limit=gpu2", "--tags=model_volume", *arguments)
        assert done.returncode != 0
        assert "found swap on" in said(done) and "Nothing was changed" in said(done)
        assert node.check_output(f"sha256sum {device}") == before
    node.check_output(clear)
    site("--limit=gpu2", "--tags=model_volume,indextts2")


def test_a_second_writer_is_refused_before_anything_is_changed() -> None:
    store = machine("store1")
    before = lio_state(store)
    for shared in (
        "modelstore_disk=/dev/disk/by-id/virtio-models-gpu1",
        "modelstore_volume=shared",
    ):
        for arguments in (("--check",), ()):
            done = play("site", f"--extra-vars={shared}", *arguments)
            assert done.returncode != 0
            assert "gpu1 and gpu2 with the same one" in said(done)
            assert lio_state(store) == before


def test_a_folder_with_model_files_is_never_replaced() -> None:
    node = machine("gpu2")
    node.check_output(f"systemctl stop {APP} && rm {CACHE_HUB} && mkdir {CACHE_HUB}")
    node.check_output(f"head -c 1M /dev/urandom > {CACHE_HUB}/gpt.pth")
    before = node.check_output(f"sha256sum {CACHE_HUB}/gpt.pth")
    for arguments in (("--check",), ()):
        done = play("site", "--limit=gpu2", "--tags=indextts2", *arguments)
        assert done.returncode != 0
        assert f"found a folder at {CACHE_HUB}" in said(done)
        assert "Nothing was changed" in said(done)
        assert node.check_output(f"sha256sum {CACHE_HUB}/gpt.pth") == before
    node.check_output(f"rm -r {CACHE_HUB}")
    site("--limit=gpu2", "--tags=indextts2")
