"""Pictures for messages: uploaded and listed by marketers, shown to everybody who has the address."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from core import clock
from core.errors import Refusal
from messaging.message_templates import pictures
from messaging.models import MessageImage
from messaging.services import images
from projects.access import project_or_404
from projects.models import Role


def list_images(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    return render(request, "messaging/image_list.html", {"images": images.visible_images(project=access.project)})


@require_POST
def add_images(request: HttpRequest, project_id: str) -> HttpResponse:
    """Upload pictures (``files``). Answers with what the picker shows, or with a reason; those before a refused one are kept."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    added: list[dict[str, object]] = []
    for upload in request.FILES.getlist("files")[:20]:
        data = upload.read(pictures.SIZE_LIMIT + 1)
        try:
            image = images.add_image(
                project=access.project, actor=access.user, name=upload.name or "", data=data, now=clock.now()
            )
        except Refusal as refusal:
            if "page" in request.POST:
                messages.error(request, f"{upload.name}: {refusal.message}")
                break
            return JsonResponse({"error": refusal.message, "added": added}, status=400)
        added.append(as_asset(image))
    return redirect("messaging:list-images", project_id) if "page" in request.POST else JsonResponse({"added": added})


def as_asset(image: MessageImage) -> dict[str, object]:
    return {"src": image.url, "name": image.name, "width": image.width, "height": image.height, "type": "image"}


@require_POST
def delete_image(request: HttpRequest, project_id: str, image_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    image = get_object_or_404(MessageImage, pk=image_id, project=access.project)
    images.delete_image(image=image, actor=access.user, now=clock.now())
    return redirect("messaging:list-images", project_id)


@require_safe
@cache_control(public=True, max_age=31_536_000, immutable=True)  # what has an address never changes
def show_image(request: HttpRequest, file_name: str) -> HttpResponse:
    """The picture itself, to mail programs and browsers without a log-in."""
    image = MessageImage.objects.filter(token=file_name.partition(".")[0]).first()
    if image is None or not image.path.endswith(f"/{file_name}"):
        raise Http404
    try:
        with default_storage.open(image.file, "rb") as stored:
            data = stored.read()
    except FileNotFoundError:
        raise Http404 from None
    answer = HttpResponse(data, content_type=image.content_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
