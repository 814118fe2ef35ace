"""Writes all generated files of the chart."""

from charts.generate.files import FILES

for path, document in FILES.items():
    path.write_text(document(), encoding="utf-8")
