-- Log-ins of citizens that can be ended; one-time passwords bound to their request.
SELECT 1;
