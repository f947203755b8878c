"""Staff log-ins, the keyed head of the audit trail, forms that are sent once."""

from guahao.store.kernel.migrate import run_file

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    run_file("0031_staff_security.sql")  # 0033 signs the head, with the trail's own key
