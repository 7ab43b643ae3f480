using System.Text;

namespace ZImage.Native;

/// <summary>A native library that is nowhere to be found, or that is there and cannot be loaded. The message lists every place that was tried.</summary>
public sealed class NativeLibraryNotFoundException : Exception
{
    internal NativeLibraryNotFoundException(NativeLibraryNames names, IReadOnlyList<NativeLibraryAttempt> attempts)
        : base(Describe(names, attempts))
    {
        Library = names.Library;
        Attempts = attempts;
        Hint = names.Hint;
    }

    /// <summary>Logical name of the library, one of the constants of <see cref="NativeLibraryResolver"/>.</summary>
    public string Library { get; }

    /// <summary>Every place that was tried, in order, with the reason why it failed.</summary>
    public IReadOnlyList<NativeLibraryAttempt> Attempts { get; }

    /// <summary>What to install or set.</summary>
    public string Hint { get; }

    private static string Describe(NativeLibraryNames names, IReadOnlyList<NativeLibraryAttempt> attempts)
    {
        StringBuilder text = new();
        text.Append(names.Title).Append(" was not found (").AppendJoin(" or ", names.Files).Append("). Tried:");
        foreach (NativeLibraryAttempt attempt in attempts)
        {
            text.Append("\n  ").Append(attempt.Path).Append(": ").Append(attempt.Reason);
        }

        return text.ToString();
    }
}
