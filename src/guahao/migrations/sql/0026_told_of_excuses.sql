-- Whoever's excuse is withdrawn, or whose suspension a policy eases, is told of it.
ALTER TABLE messages
    DROP CONSTRAINT messages_kind_check,
    ADD CONSTRAINT messages_kind_check CHECK (kind IN
        ('otp', 'booked', 'cancelled', 'stopped', 'no_show', 'suspended', 'reminder', 'excused',
         'excuse_withdrawn', 'relieved'));
