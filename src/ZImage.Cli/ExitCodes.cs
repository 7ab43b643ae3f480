namespace ZImage.Cli;

/// <summary>What the process returns. Scripts depend on these numbers; they never change their meaning.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>A fault in this program.</summary>
    public const int Bug = 1;

    /// <summary>Wrong arguments, an unusable input file, or an output that cannot be written.</summary>
    public const int Usage = 2;

    /// <summary>The checkpoint is missing or broken.</summary>
    public const int Model = 3;

    /// <summary>The device asked for is absent or unusable.</summary>
    public const int Device = 4;

    /// <summary>Not enough memory.</summary>
    public const int Memory = 5;

    /// <summary>The network failed.</summary>
    public const int Network = 6;

    /// <summary>Stopped by Ctrl-C or SIGTERM.</summary>
    public const int Interrupted = 130;
}
