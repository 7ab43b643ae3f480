using System.Text.RegularExpressions;

namespace ZImage.Backends.Cuda;

/// <summary>A compiled unit.</summary>
/// <param name="Code">A cubin, or PTX with its terminating zero.</param>
/// <param name="Log">What the compiler said: registers, spills, warnings.</param>
internal sealed partial record KernelImage(byte[] Code, string Log)
{
    /// <summary>The log's lines about what makes a kernel slow without making it wrong: spills, and wgmma that was put in sequence.</summary>
    public IEnumerable<string> Warnings()
    {
        string entry = "";
        foreach (string line in Log.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (EntryPattern().Match(line) is { Success: true } name)
            {
                entry = name.Groups[1].Value;
            }

            if (SpillPattern().IsMatch(line) || SerialPattern().IsMatch(line))
            {
                yield return $"{entry}: {line}";
            }
        }
    }

    [GeneratedRegex(@"(?:Compiling entry function|Function properties for) '?([A-Za-z0-9_]+)")]
    private static partial Regex EntryPattern();

    [GeneratedRegex("[1-9][0-9]* bytes spill|Registers are spilled", RegexOptions.IgnoreCase)]
    private static partial Regex SpillPattern();

    [GeneratedRegex("C75(?:08|10|11)|wgmma.*serializ", RegexOptions.IgnoreCase)]
    private static partial Regex SerialPattern();
}

/// <summary>How a unit came to be: from the cache or from the compiler, and in what time.</summary>
/// <param name="Unit">The unit's name.</param>
/// <param name="Family">File name without extension.</param>
/// <param name="Architecture">What it was compiled for.</param>
/// <param name="FromCache">Whether it was compiled in an earlier run.</param>
/// <param name="Elapsed">Time from the start of this unit to its machine code.</param>
/// <param name="Log">The compiler's log, also that of an earlier run.</param>
internal sealed record KernelLogEntry(string Unit, string Family, string Architecture, bool FromCache, TimeSpan Elapsed, string Log);
