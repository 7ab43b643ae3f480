namespace ZImage.Cli;

/// <summary>
/// Everything a command touches outside its arguments: streams, environment, terminal, clock, engine. Tests pass their own and run the whole
/// program in their process.
/// </summary>
internal sealed record CommandContext
{
    /// <summary>Standard output: results only.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Standard error: progress, warnings, errors.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Opens standard input as bytes.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Opens standard output as bytes, for a streamed picture.</summary>
    public required Func<Stream> OpenOutput { get; init; }

    /// <summary>The engine that draws.</summary>
    public required IEngine Engine { get; init; }

    /// <summary>Reads an environment variable; null where it is not set.</summary>
    public Func<string, string?> Environment { get; init; } = static _ => null;

    /// <summary>The checkpoint that came with the tool, for runs that name none; null where none came.</summary>
    public string? BundledModel { get; init; }

    /// <summary>Whether a person watches standard output.</summary>
    public bool IsOutputTerminal { get; init; }

    /// <summary>Whether a person watches standard error, on a terminal that can redraw a line.</summary>
    public bool IsErrorTerminal { get; init; }

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 100;

    /// <summary>Measures times.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Fires on Ctrl-C and SIGTERM.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Whether colours are unwanted: the convention of no-color.org.</summary>
    public bool NoColor => !string.IsNullOrEmpty(Environment("NO_COLOR"));

    /// <summary>Tells the user something that is no error.</summary>
    public void Warn(string message) => Error.WriteLine($"warning: {message}");
}
