"""What the event stream says about the runs that events name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from analytics.models import SourceKind
from analytics.ports import RunFacts, RunSource
from campaigns.channels import Channel
from campaigns.models import Campaign, Run
from campaigns.sending.message import content_of
from messaging.rendering import MessageContent, compile_content, render_subject


def run_facts(project_id: int, ids: Collection[int]) -> dict[int, RunFacts]:
    runs = Run.objects.filter(project_id=project_id, pk__in=ids).select_related("campaign").defer("audience")
    return {run.pk: _facts(run) for run in runs}


def public_ids(project_id: int, source_kind: int, ids: Collection[int], are_runs: bool) -> dict[int, str]:
    if source_kind != SourceKind.CAMPAIGN:
        return {}
    model = Run if are_runs else Campaign
    return dict(model.objects.filter(project_id=project_id, pk__in=ids).values_list("pk", "public_id"))


def run_sources(project_id: int, ids: Collection[str]) -> dict[str, RunSource]:
    runs = Run.objects.filter(project_id=project_id, public_id__in=ids).values_list("public_id", "campaign_id", "pk", "treatment")
    return {public_id: RunSource(SourceKind.CAMPAIGN, campaign, pk, treatment) for public_id, campaign, pk, treatment in runs}


def _facts(run: Run) -> RunFacts:
    if not run.content or run.content.get("Custom"):
        channel = Channel.CUSTOM if run.content else Channel.EMAIL
        return RunFacts(source_id=run.campaign.public_id, activity_id=run.public_id, channel=channel)
    content = content_of(run.content)
    subject = compile_content(
        MessageContent(from_address=content.from_address, subject=content.subject, defaults=content.defaults),
        allow_unescaped=True,
    )

    def subject_of(document: Mapping[str, Any]) -> str:
        return render_subject(subject, document=dict(document))

    return RunFacts(
        source_id=run.campaign.public_id, activity_id=run.public_id, channel=Channel.EMAIL, from_address=content.from_address,
        from_header=run.content["Message"].get("FromAddress", ""), domain=content.from_address.rpartition("@")[2],
        subject_of=subject_of,
    )  # fmt: skip
