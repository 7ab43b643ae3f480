namespace ZImage.Cli;

/// <summary>The command line asks for something that cannot be done; exit code 2.</summary>
internal sealed class UsageException(string message, string? hint = null, Exception? innerException = null)
    : ZImageException(message, hint, innerException);
