"""`guahao bench fairness`: scalpers and people in one department, under each way of release."""
