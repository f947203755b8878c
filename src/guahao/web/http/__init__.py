"""Requests, responses, forms, files, tokens: what every router builds on."""
