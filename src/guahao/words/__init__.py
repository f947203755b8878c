"""The texts of pages, messages, chats and errors: Chinese in the source, English in catalogues.

The English stands in locales/en/LC_MESSAGES, in the .po file of its subject. A test fails where a
text has no English, or a catalogue has a text that is not used.
"""
