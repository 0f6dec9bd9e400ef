#!/usr/bin/python
# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the files of a model from their hubs, verify them and put them in place."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_download
short_description: Fetch the files of a model from Hugging Face or ModelScope, and verify them
version_added: "0.1.0"
description:
  - Fetches files at pinned revisions with the hubs' own clients into C(.modelstore-download) in the folder of the model, compares size and
    SHA-256, and only then moves each file to its place. What a reader finds there is always whole.
  - A fetch that was interrupted goes on where it ended. A file that is right already is not fetched again, and other files stay as they are.
  - The clients run as the owner of the volume, with their caches and temporary files on the volume, and never on the system disk.
  - Every file has a pin, which is its SHA-256 or a commit at Hugging Face. ModelScope has no commits, so with O(hub=modelscope) a file
    without a SHA-256 comes from Hugging Face all the same, and so does a repository that ModelScope does not have.
author:
  - The tts.modelstore authors (@tts-modelstore)
options:
  path:
    description:
      - The folder of the model. It is made when it is not there.
    type: path
    required: true
  mount_point:
    description:
      - Where the volume is mounted that the folder is on. By default the folder itself.
    type: path
  require_mount:
    description:
      - Refuse when nothing is mounted at O(mount_point), or when O(path) is on another file system.
    type: bool
    default: true
  profile:
    description:
      - The name of the release profile, for example V(upstream-2.5).
      - What O(repositories) leave out of a file is taken from the manifest in the folder, when it is one of this profile.
    type: str
    required: true
  repositories:
    description:
      - Where the files come from.
    type: list
    elements: dict
    required: true
    suboptions:
      huggingface:
        description: The repository at Hugging Face.
        type: dict
        suboptions:
          repository:
            description: Its name, for example V(IndexTeam/IndexTTS-2.5).
            type: str
            required: true
          revision:
            description: The commit of 40 digits. A branch is enough for files with a SHA-256.
            type: str
            required: true
      modelscope:
        description: The repository at ModelScope.
        type: dict
        suboptions:
          repository:
            description: Its name, for example V(iic/speech_campplus_sv_zh-cn_16k-common).
            type: str
            required: true
          revision:
            description: The branch or tag.
            type: str
            default: master
      hub_cache:
        description:
          - A folder in which the files are laid out as in a cache of Hugging Face, C(models--OWNER--NAME/snapshots/COMMIT), for programs that look for
            them with C(HF_HUB_CACHE), together with the C(refs/main) that such a cache needs without a network.
          - Not together with C(place).
        type: str
        default: ""
      files:
        description: The files to fetch from it.
        type: list
        elements: dict
        required: true
        suboptions:
          path:
            description: The path in the repository.
            type: str
            required: true
          place:
            description: The path in the folder of the model. By default the one in the repository.
            type: str
          size:
            description: The size in bytes. Without it the file is not counted before it is there.
            type: int
          sha256:
            description: The SHA-256 of the content in hexadecimal.
            type: str
  hub:
    description:
      - The hub to prefer.
    type: str
    choices: [huggingface, modelscope]
    default: huggingface
  portion:
    description:
      - How much of the bytes has to be there, in percent. A loop over portions shows how far it is; a file is left off and gone on with in between.
    type: int
    default: 100
  replace:
    description:
      - Permit to replace other files at the places of the profile's. Without it they are refused before anything is fetched.
    type: bool
    default: false
  python:
    description:
      - The Python interpreter that has the clients, C(huggingface_hub) and C(modelscope_hub). The role P(tts.modelstore.model_download#role) makes
        a virtual environment with them.
    type: path
    default: /opt/modelstore/download/bin/python
  endpoint:
    description:
      - A mirror of Hugging Face, for example V(https://hf-mirror.com).
    type: str
    default: ""
  token:
    description:
      - A token of Hugging Face, for repositories that ask for one. The client gets it in its environment.
    type: str
    default: ""
  modelscope_endpoint:
    description:
      - A mirror of ModelScope.
    type: str
    default: ""
  modelscope_token:
    description:
      - A token of ModelScope. The client gets it in its environment.
    type: str
    default: ""
extends_documentation_fragment:
  - tts.modelstore.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is fetched, and no hub is asked.
  diff_mode:
    support: full
notes:
  - A proxy goes into C(environment) of the task, as C(https_proxy).
  - Progress over a hub that sends faster than the volume writes is what has arrived in files, not what was acknowledged by the disk.
"""

EXAMPLES = r"""
- name: Fetch two files, and show each tenth of the bytes
  tts.modelstore.model_download:
    path: /mnt/cache_hub
    profile: mine
    portion: "{{ item }}"
    repositories:
      - huggingface:
          repository: IndexTeam/IndexTTS-2.5
          revision: c39ce5ba981572cb187443877ff559dfb246ce63
        files:
          - path: gpt.pth
            size: 3259599833
            sha256: 43a8f4c30eccdf201958d3b9713511482c19d56dc20b0b1c4ee1e6b080b19d85
      - huggingface:
          repository: funasr/campplus
          revision: e4b6ede7ce16997aff4ae69fbca1f0175e2afede
        modelscope:
          repository: iic/speech_campplus_sv_zh-cn_16k-common
        files:
          - path: campplus_cn_common.bin
            place: hf_cache/campplus_cn_common.bin
            size: 28036335
            sha256: 3388cf5fd3493c9ac9c69851d8e7a8badcfb4f3dc631020c4961371646d5ada8
  loop: "{{ range(10, 101, 10) | list }}"
"""

RETURN = r"""
actions:
  description: The steps that were taken, or would be in check mode.
  returned: always
  type: list
  elements: dict
  sample:
    - action: fetch_file
      subject: gpt.pth
      hub: huggingface
      repository: IndexTeam/IndexTTS-2.5
      revision: c39ce5ba981572cb187443877ff559dfb246ce63
      path: gpt.pth
file_count:
  description: How many files the profile has.
  returned: success
  type: int
  sample: 27
bytes_total:
  description: Their size in bytes, as far as it is known.
  returned: success
  type: int
  sample: 8290000000
bytes_here:
  description: How many bytes of them are on the volume, in place or on their way.
  returned: success
  type: int
  sample: 829000000
missing:
  description: The places of files that are not there yet.
  returned: success
  type: list
  elements: str
  sample: [gpt.pth]
manifest_outdated:
  description: Whether there is a manifest in the folder that lacks files of the profile, or has them with other content.
  returned: success
  type: bool
  sample: false
sources:
  description: The repositories and revisions, as O(tts.modelstore.model_manifest#module:sources) takes them.
  returned: success
  type: list
  elements: dict
  sample:
    - {repository: IndexTeam/IndexTTS-2.5, revision: c39ce5ba981572cb187443877ff559dfb246ce63}
files:
  description: What is known of the files, as O(tts.modelstore.model_manifest#module:files) takes it.
  returned: success
  type: list
  elements: dict
  sample:
    - {path: feat1.pt, size: 57170}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.tts.modelstore.plugins.module_utils._ansible.entry import converge
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.host import (
    Hashes,
    apply_download,
    load_download,
    require_volume,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.model import (
    Desired,
    Observed,
    desired_download,
)
from ansible_collections.tts.modelstore.plugins.module_utils._model.download.plan import (
    plan_download,
    show_download,
)

FILE = {
    "path": {"type": "str", "required": True},
    "place": {"type": "str"},
    "size": {"type": "int"},
    "sha256": {"type": "str"},
}
REPOSITORY = {
    "huggingface": {
        "type": "dict",
        "options": {
            "repository": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
        },
    },
    "modelscope": {
        "type": "dict",
        "options": {
            "repository": {"type": "str", "required": True},
            "revision": {"type": "str", "default": "master"},
        },
    },
    "hub_cache": {"type": "str", "default": ""},
    "files": {"type": "list", "elements": "dict", "required": True, "options": FILE},
}
ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "mount_point": {"type": "path"},
    "require_mount": {"type": "bool", "default": True},
    "profile": {"type": "str", "required": True},
    "repositories": {"type": "list", "elements": "dict", "required": True, "options": REPOSITORY},
    "hub": {"type": "str", "choices": ["huggingface", "modelscope"], "default": "huggingface"},
    "portion": {"type": "int", "default": 100},
    "replace": {"type": "bool", "default": False},
    "python": {"type": "path", "default": "/opt/modelstore/download/bin/python"},
    "endpoint": {"type": "str", "default": ""},
    "token": {"type": "str", "default": "", "no_log": True},
    "modelscope_endpoint": {"type": "str", "default": ""},
    "modelscope_token": {"type": "str", "default": "", "no_log": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    hashes, seen = Hashes(module.params["path"]), []

    # Called where a wrong option becomes a message.
    def desired() -> Desired:
        return desired_download(module.params)

    def load() -> Observed:
        require_volume(desired())
        seen.append(load_download(desired(), hashes))
        return seen[-1]

    converge(
        module,
        load,
        lambda observed: plan_download(desired(), observed),
        lambda action: apply_download(desired(), seen[0], action),
        lambda observed: show_download(desired(), observed),
    )


if __name__ == "__main__":
    main()
