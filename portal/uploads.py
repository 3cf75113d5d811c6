"""Files that people send: kept in memory, and never more of them than a page takes.

Django reads a form before any view is asked, and would write a file of any size to the disk, whoever sends it.
"""

from io import BytesIO

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from accounts.imports import MOST_BYTES


class Bounded(FileUploadHandler):
    """Keep of all files of a request together one byte more than the largest that is taken.

    What is cut off is told by that byte: a form that refuses files above MOST_BYTES refuses this one.
    """

    def __init__(self, request=None) -> None:
        super().__init__(request)
        self.room = MOST_BYTES + 1

    def new_file(self, *args, **kwargs) -> None:
        super().new_file(*args, **kwargs)
        self.kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.room -= self.kept.write(raw_data[: self.room])

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        size = self.kept.tell()
        self.kept.seek(0)
        return InMemoryUploadedFile(
            self.kept, self.field_name, self.file_name, self.content_type, size, self.charset, self.content_type_extra
        )
