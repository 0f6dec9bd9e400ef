#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down what files a model consists of, and check that they still are what they were."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_manifest
short_description: Record the files of a model with their SHA-256, and verify them
version_added: "0.1.0"
description:
  - The manifest is C(.modelstore-manifest.json) in the folder of the model. It holds a format version, the name of a
    release profile, where the files came from, and the path, the size and the SHA-256 of each file, sorted.
  - Programs for speech load what they find. With an empty or a damaged file some of them start, answer and return noise.
    That is why this module tells a file that is missing, empty, truncated, filled with zeroes or different from a good one.
  - Symbolic links are followed, as in a cache of Hugging Face, but must not lead out of the folder.
    A file with several names is read once.
  - Left out are names at the top of the folder that begin with C(.modelstore-), and at any depth the notes of downloading programs,
    C(.cache), C(.locks), C(.msc), C(.mv) and C(._____temp).
  - In a C(.pth) or C(.pt) file the beginning and the end of the zip archive have to be there, unless it was saved in PyTorch's old format,
    and in a C(.safetensors) file the header, and as many bytes as it says.
    Neither kind may be without tensors, and these files, C(.bin), C(.ckpt), C(.gguf) and C(.onnx) must not be empty or begin with zeroes.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  path:
    description:
      - The folder of the model.
    type: path
    required: true
  state:
    description:
      - V(present) writes the manifest from what is there. Refused are files that cannot be whole, and files that are not as
        O(files) or the manifest that is there already say.
      - V(verified) compares the files with the manifest and changes nothing. The module fails when one is wrong.
    type: str
    choices: [present, verified]
    default: verified
  level:
    description:
      - V(quick) compares names and sizes and looks at the ends of weights, which takes no time worth speaking of.
      - V(full) reads every file from end to end as well and compares its SHA-256.
      - With O(state=present) files are read, except with V(quick) when a manifest of the same names and sizes is there.
    type: str
    choices: [quick, full]
    default: full
  profile:
    description:
      - The name of the release profile, for example V(upstream-2.5). Required with O(state=present).
      - With O(state=verified) a manifest of another profile is refused.
    type: str
  sources:
    description:
      - Where the files came from. For O(state=present) only.
    type: list
    elements: dict
    default: []
    suboptions:
      repository:
        description: The name or the URL of the repository.
        type: str
        required: true
      revision:
        description: The revision, best the hash of a commit.
        type: str
        required: true
  files:
    description:
      - What is known of files beforehand, for example from the repository they came from. For O(state=present) only.
      - Files that are not listed are put into the manifest as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The path in the folder.
        type: str
        required: true
      size:
        description: The size in bytes.
        type: int
      sha256:
        description: The SHA-256 of the content in hexadecimal.
        type: str
  replace:
    description:
      - Permit O(state=present) to replace a manifest of other files, or one that cannot be read.
      - Without it a file that was damaged after the manifest was written would become the right one.
    type: bool
    default: false
  strict:
    description:
      - Files that are not in the manifest count as wrong. For O(state=verified) only.
    type: bool
    default: false
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: Files are read as they are without it.
  diff_mode:
    support: full
notes:
  - The same check for C(ExecStartPre=) of a service is C(plugins/module_utils/_model/manifest/check.py) of this collection, a program
    of one file that needs Python 3.9 and nothing else. It takes C([--level quick|full] [--strict] [--progress] FOLDER) and exits with 0 when
    all files are right, with 1 and one line on stderr when one is not, and with 2 when it was called wrongly or found no manifest.
  - A full check takes as long as reading the model does. Let C(TimeoutStartSec=) of a service be longer.
"""

EXAMPLES = r"""
- name: Record a release, with the checksum that is known of its largest file
  tts.modelstore.model_manifest:
    path: /mnt/models/indextts-2.5
    state: present
    profile: upstream-2.5
    sources:
      - repository: IndexTeam/IndexTTS-2.5
        revision: c39ce5ba981572cb187443877ff559dfb246ce63
    files:
      - path: gpt.pth
        size: 3259599833
        sha256: 43a8f4c30eccdf201958d3b9713511482c19d56dc20b0b1c4ee1e6b080b19d85

- name: Read all of it again
  tts.modelstore.model_manifest:
    path: /mnt/models/indextts-2.5
    profile: upstream-2.5

- name: Look whether the files are there and have their sizes
  tts.modelstore.model_manifest:
    path: /mnt/models/indextts-2.5
    level: quick
    strict: true
"""

RETURN = r"""
actions:
  description: The step that was taken, or would be in check mode.
  returned: O(state=present)
  type: list
  elements: dict
  sample:
    - {action: write_manifest, subject: /mnt/models/indextts-2.5/.modelstore-manifest.json}
manifest:
  description: The path of the manifest.
  returned: success, and in C(error_details) when files are wrong with O(state=verified)
  type: str
  sample: /mnt/models/indextts-2.5/.modelstore-manifest.json
profile:
  description: The release profile that the manifest names.
  returned: as RV(manifest)
  type: str
  sample: upstream-2.5
file_count:
  description: How many files the manifest has.
  returned: as RV(manifest)
  type: int
  sample: 26
bytes_total:
  description: Size of these files in bytes. A file with several names counts for each.
  returned: as RV(manifest)
  type: int
  sample: 8291614720
sources:
  description: Where the files came from, as the manifest has it.
  returned: as RV(manifest)
  type: list
  elements: dict
  contains:
    repository:
      description: The name or the URL of the repository.
      type: str
      sample: IndexTeam/IndexTTS-2.5
    revision:
      description: The revision.
      type: str
      sample: c39ce5ba981572cb187443877ff559dfb246ce63
missing:
  description: The paths of files that are not there.
  returned: O(state=verified) when all files are right, and in C(error_details) when files are wrong
  type: list
  elements: str
  sample: [codec.pth]
different:
  description: Files that are there and wrong.
  returned: as RV(missing)
  type: list
  elements: dict
  contains:
    path:
      description: The path in the folder.
      type: str
      sample: s2mel.pth
    problem:
      description:
        - What is wrong with it.
        - One of V(empty), V(truncated), V(too long), V(zero-filled), V(incomplete) (its end is not there), V(no model) (it begins like
          something else), V(different) (by its SHA-256), V(unreadable), V(changing) (while it was read), V(leading out) and V(circular) for
          links, V(no file) for devices, sockets and pipes, and V(unfinished) for downloads.
      type: str
      sample: truncated
    found:
      description: What is there.
      type: str
      sample: 5 bytes
    expected:
      description: What should be there.
      type: str
      sample: 414908601 bytes
unexpected:
  description: The paths of files that are not in the manifest. They are an error with O(strict=true) only.
  returned: as RV(missing)
  type: list
  elements: str
  sample: [glossary.yaml]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.command import (
    LocalFileSystem,
)
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import (
    converge,
    report,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.check import Contents
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.host import (
    load_manifest,
    verify_manifest,
    write_manifest,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.model import (
    Desired,
    Observed,
    desired_manifest,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.manifest.plan import (
    plan_manifest,
    show_manifest,
    wanted_manifest,
)

ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "verified"], "default": "verified"},
    "level": {"type": "str", "choices": ["quick", "full"], "default": "full"},
    "profile": {"type": "str"},
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "repository": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
        },
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "size": {"type": "int"},
            "sha256": {"type": "str"},
        },
    },
    "replace": {"type": "bool", "default": False},
    "strict": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[["state", "present", ["profile"]]],
        supports_check_mode=True,
    )
    contents, seen = Contents(module.params["path"]), []

    # Called where a wrong option becomes a message.
    def desired() -> Desired:
        return desired_manifest(module.params)

    def load() -> Observed:
        seen.append(load_manifest(desired(), contents))
        return seen[-1]

    if module.params["state"] == "verified":
        report(module, lambda: verify_manifest(desired(), contents))
    converge(
        module,
        load,
        lambda observed: plan_manifest(desired(), observed),
        lambda action: write_manifest(
            LocalFileSystem(), desired(), wanted_manifest(desired(), seen[-1])
        ),
        lambda observed: show_manifest(desired(), wanted_manifest(desired(), observed)),
    )


if __name__ == "__main__":
    main()
