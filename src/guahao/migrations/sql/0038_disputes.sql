-- A dispute takes a person's identity over as it stands on the document, which may be written in
-- another way than the registered number (15 digits, a permit's issue number).
ALTER TABLE moves
    ADD COLUMN id_type text,
    ADD COLUMN id_no_enc bytea,
    ADD CONSTRAINT moves_document_whole CHECK ((id_type IS NULL) = (id_no_enc IS NULL));
