"""As `manage.py makemigrations` wrote it."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc]  # Django has no types here
    """The first."""

    initial = True
    operations = (
        migrations.CreateModel(
            name="Member",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("username", models.CharField(max_length=150, unique=True)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("is_active", models.BooleanField(default=True)),
            ],
        ),
    )
