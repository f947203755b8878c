-- Quiet hours: a message that can wait is held until the morning, under the policy of its day.
ALTER TABLE messages ADD COLUMN held_until timestamptz;

ALTER TABLE policies
    ADD COLUMN quiet_from time NOT NULL DEFAULT '21:00',
    ADD COLUMN quiet_until time NOT NULL DEFAULT '07:30',
    ADD CHECK (quiet_from >= '18:00' AND quiet_until <= '10:00');
