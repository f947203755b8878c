"""All appointments of a patient are found by an index: a page of their own read the whole city."""

from guahao.store.kernel.migrate import create_index

revision = "0079"
down_revision = "0078"


def upgrade() -> None:
    """Forward only: undo with a new migration."""
    create_index("appointments_by_patient", "ON appointments (patient_id, visit_date)")
