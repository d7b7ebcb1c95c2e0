"""Where images are kept."""

import json


def test_the_repository_has_the_name_of_the_spec(registry, named):
    assert registry["Repository"]["RepositoryName"] == named("liberty-social-backend")


def test_its_address_is_what_tasks_pull_from(registry, root):
    assert registry.body["Outputs"]["RepositoryUri"]["Value"] == {
        "Fn::GetAtt": ["Repository", "RepositoryUri"]
    }
    assert root["Service"]["Parameters"]["RepositoryUri"] == {
        "Fn::GetAtt": ["Registry", "Outputs.RepositoryUri"]
    }


def test_images_are_scanned_when_pushed(registry):
    assert registry["Repository"]["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_images_are_encrypted_with_aes256(registry):
    assert registry["Repository"]["EncryptionConfiguration"] == {"EncryptionType": "AES256"}


def test_the_tag_latest_may_move_unless_a_setting_forbids_it(registry, default):
    assert registry["Repository"]["ImageTagMutability"] == {"Ref": "ImageTagMutability"}
    assert default("ImageTagMutability") == "MUTABLE"


def test_only_untagged_images_are_dropped_and_by_number_as_tasks_may_run_from_an_old_one(
    registry,
):
    text = registry["Repository"]["LifecyclePolicy"]["LifecyclePolicyText"]
    (rule,) = json.loads(text)["rules"]
    kept = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 30}
    assert rule["selection"] == kept
    assert rule["action"] == {"type": "expire"}
