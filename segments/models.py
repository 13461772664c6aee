"""Segments and their versions, S3 connections, import and export jobs with their pieces, scheduled imports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.audience import AudienceField
from core.ids import public_id
from projects.models import Project


class SegmentType(models.TextChoices):
    DIMENSIONAL = "DIMENSIONAL", _("Dynamic")
    IMPORT = "IMPORT", _("Imported")


class Segment(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(_("name"), max_length=128)
    segment_type = models.CharField(max_length=11, choices=SegmentType.choices)
    version = models.IntegerField(default=1)  # the newest
    is_listed = models.BooleanField(default=True)  # False: made inside a campaign's wizard, shown only there
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(segment_type__in=["DIMENSIONAL", "IMPORT"]), name="segment_type_known")
        ]
        indexes = [models.Index(fields=["project", "-id"], name="segment_by_project")]

    def __str__(self) -> str:
        return self.name


class SegmentVersion(models.Model):
    """One saved definition. Never changed; a campaign pins its number."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="versions")
    version = models.IntegerField()
    document = models.JSONField(default=dict)  # Pinpoint's WriteSegmentRequest without the name, and our `Pabal` member
    import_definition = models.JSONField(null=True, blank=True)  # Pinpoint's SegmentImportResource, for IMPORT
    members = AudienceField(null=True, blank=True)  # for IMPORT
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "version"], name="segment_version_once")]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.version}"


class Connection(models.Model):
    """How to reach a bucket: by keys, or by a role that is assumed. The secret key is sealed and never shown again."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=64)
    region = models.CharField(_("region"), max_length=32, default="ap-northeast-2")
    endpoint_url = models.CharField(_("endpoint URL"), max_length=300, blank=True)  # empty: AWS itself (or S3_ENDPOINT_URL)
    access_key_id = models.CharField(_("access key id"), max_length=128, blank=True)
    sealed_secret_access_key = models.TextField(blank=True)
    role_arn = models.CharField(_("role ARN"), max_length=300, blank=True)  # assumed with the keys, or with the server's own
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="connection_name_once")]

    def __str__(self) -> str:
        return self.name


class JobStatus(models.TextChoices):
    """Pinpoint's, in their order."""

    CREATED = "CREATED", _("Created")
    PREPARING_FOR_INITIALIZATION = "PREPARING_FOR_INITIALIZATION", _("Preparing")
    INITIALIZING = "INITIALIZING", _("Checking the files")
    PROCESSING = "PROCESSING", _("Importing")
    PENDING_JOB = "PENDING_JOB", _("Waiting")
    COMPLETING = "COMPLETING", _("Making the segment")
    COMPLETED = "COMPLETED", _("Completed")
    FAILING = "FAILING", _("Failing")
    FAILED = "FAILED", _("Failed")


class ImportJob(models.Model):
    class Source(models.TextChoices):
        S3 = "S3", "S3"
        UPLOAD = "UPLOAD", _("Upload")

    class Format(models.TextChoices):
        CSV = "CSV", "CSV"
        JSON = "JSON", _("JSON lines")

    class Encoding(models.TextChoices):
        UTF8 = "UTF-8", "UTF-8"
        CP949 = "CP949", "CP949 (EUC-KR)"

    class Into(models.TextChoices):
        NEW = "NEW", _("A new segment")
        REPLACE = "REPLACE", _("Replace the members of a segment")
        EXTEND = "EXTEND", _("Add to the members of a segment")

    class Undo(models.TextChoices):
        NONE = "NONE", _("Not undone")
        ASKED = "ASKED", _("Being undone")
        DONE = "DONE", _("Undone")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    segment_name = models.CharField(_("segment name"), max_length=128, blank=True)
    source = models.CharField(max_length=6, choices=Source.choices)
    s3_url = models.CharField(_("S3 address"), max_length=1100, blank=True)
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, blank=True, related_name="+")
    role_arn = models.CharField(max_length=2048, blank=True, db_default="", default="")  # as a call of the API named it
    upload_key = models.CharField(max_length=300, blank=True)  # name in the default storage
    upload_name = models.CharField(max_length=255, blank=True)  # as the marketer's computer called it
    format = models.CharField(_("format"), max_length=4, choices=Format.choices)
    encoding = models.CharField(_("encoding"), max_length=5, choices=Encoding.choices, default=Encoding.UTF8)
    sheet = models.CharField(_("sheet"), max_length=64, blank=True)  # of a workbook; empty: the first
    mapping = models.JSONField(null=True, blank=True)  # what each column is: segments.files.mapping.Mapping.to_json
    register_endpoints = models.BooleanField(default=True)
    define_segment = models.BooleanField(default=True)
    into = models.CharField(max_length=7, choices=Into.choices, default=Into.NEW)
    into_segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="+")  # for REPLACE, EXTEND
    is_dry_run = models.BooleanField(default=False)  # says what an import would do, and writes nothing
    schedule = models.ForeignKey("ScheduledImport", models.SET_NULL, null=True, blank=True, related_name="jobs")
    segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="import_jobs")
    segment_version = models.IntegerField(null=True, blank=True)  # that this job made
    status = models.CharField(max_length=28, choices=JobStatus.choices, default=JobStatus.CREATED)
    epoch = models.IntegerField(default=0)  # of the lease on the job's own steps (initialising, completing)
    lease_until = models.DateTimeField(null=True, blank=True)
    bytes_total = models.BigIntegerField(default=0)
    total_pieces = models.IntegerField(default=0)
    completed_pieces = models.IntegerField(default=0)
    failed_pieces = models.IntegerField(default=0)
    total_processed = models.BigIntegerField(default=0)  # lines read, refused ones included
    total_failures = models.BigIntegerField(default=0)
    total_created = models.BigIntegerField(default=0)  # endpoints
    total_changed = models.BigIntegerField(default=0)
    total_unchanged = models.BigIntegerField(default=0)
    undo = models.CharField(max_length=5, choices=Undo.choices, default=Undo.NONE)
    undone = models.JSONField(null=True, blank=True)  # {"at", "by", "deleted", "restored", "left"}: the last three are endpoints
    failure = models.JSONField(null=True, blank=True)  # why the whole job was refused: {"code", "params"}
    files_removed_at = models.DateTimeField(null=True, blank=True)  # the upload and converted copies; 7 days after the end
    notes = models.JSONField(default=list)  # [{"code", "params"}]: skipped files, ignored columns
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(undo="ASKED"), name="import_job_to_undo"),
            models.Index(fields=["completed_at"], condition=models.Q(files_removed_at=None), name="import_job_with_files"),
            models.Index(fields=["project", "-id"], name="import_job_by_project"),
            models.Index(fields=["id"], condition=~models.Q(status__in=["COMPLETED", "FAILED"]), name="import_job_open"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_finished(self) -> bool:
        return self.status in (JobStatus.COMPLETED, JobStatus.FAILED)

    @property
    def is_held(self) -> bool:
        """It waits for somebody to say what its columns are."""
        return self.status == JobStatus.PENDING_JOB


class ImportPiece(models.Model):
    """A file, or a span of lines of a big one. One transaction imports it; a killed worker's piece is taken over."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")
        UNDONE = "UNDONE", _("Undone")

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="pieces")
    number = models.IntegerField()
    file_name = models.CharField(max_length=1100)  # S3 key, or the storage name
    copy_key = models.CharField(max_length=300, blank=True)  # storage name of the file as UTF-8 CSV, where it had to be converted
    etag = models.CharField(max_length=100, blank=True)  # pinned: a file that changes while it is read is refused
    start_byte = models.BigIntegerField()  # of the first data line
    end_byte = models.BigIntegerField()  # exclusive
    first_line = models.BigIntegerField()  # line number, counted from 1, of the line at start_byte
    header = models.JSONField(default=list)  # the columns, for CSV
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    bytes_read = models.BigIntegerField(default=0)  # for the progress bar; moves outside the piece's transaction
    processed = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    members = AudienceField(null=True, blank=True)
    created = AudienceField(null=True, blank=True)  # endpoints that this piece made; of a dry run: keys' hashes
    changed = AudienceField(null=True, blank=True)
    written_at = models.DateTimeField(null=True, blank=True)  # what updated_at of its endpoints was set to
    examples = models.JSONField(default=list)  # of a dry run: a few endpoints before and after
    failure = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="import_piece_once")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.number}"


class RefusedLine(models.Model):
    """A line that was not taken, with the reason. Written with its piece, never lost."""

    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="refused_lines", db_index=False)
    piece = models.ForeignKey(ImportPiece, models.CASCADE, related_name="+")
    file_name = models.CharField(max_length=1100)
    line_number = models.BigIntegerField()
    column = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    line = models.TextField()  # as it stood in the file, without its line end

    class Meta:
        indexes = [models.Index(fields=["job", "id"], name="refused_line_by_job")]

    def __str__(self) -> str:
        return f"{self.file_name}:{self.line_number} {self.code}"


class ExportJob(models.Model):
    """Endpoints as files: Pinpoint's gzip JSON lines under an S3 prefix, or one file to download."""

    class Destination(models.TextChoices):
        S3 = "S3", _("S3 bucket")
        DOWNLOAD = "DOWNLOAD", _("Download")

    class Format(models.TextChoices):
        CSV = "CSV", "CSV"
        JSON = "JSON", _("JSON lines")
        XLSX = "XLSX", "XLSX"

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="+")  # empty: every endpoint
    segment_version = models.IntegerField(null=True, blank=True)  # empty: the newest at the start
    name = models.CharField(max_length=128, blank=True)  # the segment's when it was asked for
    destination = models.CharField(max_length=8, choices=Destination.choices)
    s3_url_prefix = models.CharField(_("S3 address"), max_length=1100, blank=True)
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, blank=True, related_name="+")
    role_arn = models.CharField(max_length=2048, blank=True, db_default="", default="")  # as a call of the API named it
    format = models.CharField(_("format"), max_length=4, choices=Format.choices)
    status = models.CharField(max_length=28, choices=JobStatus.choices, default=JobStatus.CREATED)
    epoch = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    audience = AudienceField(null=True, blank=True)  # who is exported, frozen at the start; gone at the end
    total = models.BigIntegerField(default=0)  # endpoints in the audience
    total_parts = models.IntegerField(default=0)
    completed_parts = models.IntegerField(default=0)
    total_processed = models.BigIntegerField(default=0)  # endpoints written; those deleted meanwhile are missing
    file_key = models.CharField(max_length=300, blank=True)  # of the finished download, in the default storage
    file_bytes = models.BigIntegerField(default=0)
    failure = models.JSONField(null=True, blank=True)  # {"code", "params"}
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)  # when the download was taken away

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(format="JSON") | models.Q(destination="DOWNLOAD"), name="export_s3_is_json")
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="export_job_by_project"),
            models.Index(fields=["id"], condition=~models.Q(status__in=["COMPLETED", "FAILED"]), name="export_job_open"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_finished(self) -> bool:
        return self.status in (JobStatus.COMPLETED, JobStatus.FAILED)

    @property
    def has_file(self) -> bool:
        return bool(self.file_key) and self.removed_at is None


class ExportPart(models.Model):
    """A stretch of the audience, one object. A part that was cut off is written again under the same name."""

    job = models.ForeignKey(ExportJob, models.CASCADE, related_name="parts")
    number = models.IntegerField()
    is_done = models.BooleanField(default=False)
    key = models.CharField(max_length=1200)  # in the bucket, or in the default storage
    processed = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    columns = models.JSONField(default=dict)  # of a table: the column's name → how often it is repeated

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="export_part_once")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.number}"


class ImportBefore(models.Model):
    """An endpoint or user as it was before a piece changed it: what undoing the import puts back. Kept for 7 days."""

    class Kind(models.TextChoices):
        ENDPOINT = "ENDPOINT", "ENDPOINT"
        USER = "USER", "USER"

    piece = models.ForeignKey(ImportPiece, models.CASCADE, related_name="before")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    row_id = models.BigIntegerField()
    document = models.JSONField()  # endpoints.writing.before

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"


class ColumnMapping(models.Model):
    """What the columns of a header are, as a marketer of the project chose it last."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    header_key = models.CharField(max_length=64)  # SHA-256 of the column names
    mapping = models.JSONField()
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "header_key"], name="column_mapping_once")]

    def __str__(self) -> str:
        return self.header_key


class ScheduledImport(models.Model):
    """A folder of a bucket that is looked at again and again; what is new or changed in it is imported."""

    class Unit(models.TextChoices):
        MINUTES = "MINUTES", _("minutes")
        HOURS = "HOURS", _("hours")
        DAYS = "DAYS", _("days")

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    public_id = models.CharField(max_length=32, unique=True, default=public_id, editable=False)
    name = models.CharField(_("name"), max_length=128)  # of its segment
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, blank=True, related_name="+")
    s3_url = models.CharField(_("S3 address"), max_length=1100)
    format = models.CharField(_("format"), max_length=4, choices=ImportJob.Format.choices)
    encoding = models.CharField(max_length=5, choices=ImportJob.Encoding.choices, default=ImportJob.Encoding.UTF8)
    every = models.IntegerField(_("every"))
    unit = models.CharField(max_length=7, choices=Unit.choices)
    into = models.CharField(max_length=7, choices=ImportJob.Into.choices, default=ImportJob.Into.EXTEND)
    segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="+")  # made by the first run
    is_paused = models.BooleanField(default=False)
    next_run_at = models.DateTimeField()
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_found = models.IntegerField(null=True, blank=True)  # new or changed files
    last_failure = models.JSONField(null=True, blank=True)  # why the folder could not be read
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(every__gte=1), name="scheduled_import_every_positive")]
        indexes = [
            models.Index(fields=["project", "-id"], name="scheduled_import_by_project"),
            models.Index(
                fields=["next_run_at"], condition=models.Q(is_paused=False, deleted_at=None), name="scheduled_import_due"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduledFile(models.Model):
    """A file that a scheduled import has imported, with the ETag that it had."""

    schedule = models.ForeignKey(ScheduledImport, models.CASCADE, related_name="files", db_index=False)
    key = models.CharField(max_length=1100)
    etag = models.CharField(max_length=100)
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "key"], name="scheduled_file_once")]

    def __str__(self) -> str:
        return self.key
