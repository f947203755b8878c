"""Both languages: what pages, messages, chats and errors say, Chinese in the source.

The English stands in locales/en/LC_MESSAGES, in the .po file of its subject. A test fails where a
text has no English, or a catalogue has a text that nobody says.
"""
