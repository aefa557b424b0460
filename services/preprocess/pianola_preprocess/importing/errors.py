"""Why an import ends as failed: each with a sentence that says what to do."""


class ImportFailed(RuntimeError):
    """The import cannot succeed as it was asked for. Its text is for whoever asked."""


class BadSource(ImportFailed):
    """The source is none that can be imported from."""


class BadAddress(ImportFailed):
    """The address is not one of a file on the web."""


class AddressRefused(ImportFailed):
    """The address leads into a private network."""


class NotThere(ImportFailed):
    """The server answers, but does not give the file."""


class ServerAway(ImportFailed):
    """The server did not answer, or not to the end, however often it was asked."""


class TlsFailed(ImportFailed):
    """The server did not prove that it is the one that was asked for."""


class TooSlow(ImportFailed):
    """The file did not arrive in the time there is."""


class TooLarge(ImportFailed):
    """More comes than an import may bring."""


class WrongDigest(ImportFailed):
    """What lies at the address is not what was asked for."""


class BucketRefused(ImportFailed):
    """The bucket is not one to import from."""


class NoMusic(ImportFailed):
    """Nothing of what came could be taken."""


class ArchiveUnread(ImportFailed):
    """An archive could not be read, or not to its end."""


class NoRoom(ImportFailed):
    """The worker has no room for what comes."""
