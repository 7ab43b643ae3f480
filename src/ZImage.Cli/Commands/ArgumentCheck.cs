using System.CommandLine;
using System.Globalization;

namespace ZImage.Cli.Commands;

/// <summary>
/// Turns what the parser found into our own errors. The parser alone would print help to standard output, return 1, and take an option's name
/// for another option's value.
/// </summary>
internal static class ArgumentCheck
{
    /// <summary>What other tools call our options: the name, our option, and how the two values relate where they differ.</summary>
    private static readonly (string Name, string Ours, string Relation)[] OtherTools =
    [
        ("--cfg", "--guidance", " It is cfg - 1: a cfg of 4 is --guidance 3"),
        ("--cfg-scale", "--guidance", " It is cfg - 1: a cfg of 4 is --guidance 3"),
        ("--guidance-scale", "--guidance", " It is the guidance_scale of diffusers' Z-Image pipeline, which is cfg - 1"),
        ("--num-inference-steps", "--steps", ""),
    ];

    /// <summary>Splits <c>-p=</c> into the option and an empty value: the parser would take the next argument for the value.</summary>
    public static string[] SplitEmptyValues(string[] args) =>
    [
        .. args.SelectMany(arg => arg.Length > 2 && arg[0] == '-' && arg.IndexOfAny(['=', ':']) == arg.Length - 1 && !arg.Contains(' ')
            ? new[] { arg[..^1], "" }
            : [arg]),
    ];

    /// <summary>Refuses a file or folder without a name: most likely a variable that is not set.</summary>
    /// <exception cref="UsageException">The name is empty.</exception>
    public static void ThrowOnEmptyName(string option, string? path, string kind = "file")
    {
        if (path?.Length == 0)
        {
            throw new UsageException($"{option}: the {kind} name is empty", $"name the {kind}, or leave the option out");
        }
    }

    /// <summary>Does nothing for a command line that can be run.</summary>
    /// <exception cref="UsageException">The first thing that is wrong.</exception>
    public static void ThrowOnError(ParseResult parse, string[] args)
    {
        Command command = parse.CommandResult.Command;
        string help = command is RootCommand ? "zimage --help" : $"zimage {command.Name} --help";

        // First, because it is the cause of others: after "-p -o a.png" the parser complains about a.png.
        ThrowOnSwallowedOption(command, args);
        if (parse.Errors.Count == 0)
        {
            ThrowOnOptionAsArgument(parse, command, args, help);
            return;
        }

        if (parse.UnmatchedTokens.Count > 0)
        {
            ThrowUnknown(command, parse.UnmatchedTokens[0], help);
        }

        if (command is RootCommand)
        {
            throw new UsageException("no command given", "`zimage --help` lists the commands");
        }

        throw new UsageException(parse.Errors[0].Message, $"`{help}` lists the options");
    }

    private static void ThrowUnknown(Command command, string token, string help)
    {
        if (token.StartsWith('-') && token.Length > 1)
        {
            string name = token.Split('=', ':')[0];
            (string? option, string relation) = Ours(name, command)
                ?? (Closest(name, command.Options.Where(o => !o.Hidden).SelectMany(o => o.Aliases.Append(o.Name))), "");
            throw new UsageException(
                $"unknown option '{name}'", option is null ? $"`{help}` lists the options" : $"did you mean '{option}'?{relation}");
        }

        if (command is RootCommand)
        {
            string? closest = Closest(token, command.Subcommands.Select(c => c.Name));
            throw new UsageException(
                $"unknown command '{token}'", closest is null ? "`zimage --help` lists the commands" : $"did you mean '{closest}'?");
        }

        bool takesPrompt = command.Options.Any(o => o.Name == "--prompt");
        throw new UsageException(
            $"unexpected argument '{token}'",
            takesPrompt ? "a prompt goes after -p, in quotes if it has spaces" : $"`{help}` shows the usage");
    }

    /// <summary>Refuses <c>-o --force</c>: the parser would write a file named <c>--force</c>.</summary>
    private static void ThrowOnSwallowedOption(Command command, string[] args)
    {
        for (int i = 0; i < args.Length - 1 && args[i] != "--"; i++)
        {
            Option? option = command.Options.FirstOrDefault(o => o.Name == args[i] || o.Aliases.Contains(args[i]));
            if (option is null || option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool))
            {
                continue;
            }

            string value = args[++i];
            bool isNumber = double.TryParse(value.Split(',')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out _);
            if (value.Length > 1 && value[0] == '-' && !isNumber)
            {
                // Quoted for a shell, within which only the quote itself needs more.
                string quoted = value.Replace("'", "'\\''", StringComparison.Ordinal);
                throw new UsageException(
                    $"'{option.Name}' needs a value, and '{value}' follows", $"if that is the value, write {option.Name}='{quoted}'");
            }
        }
    }

    /// <summary>Refuses <c>info --tensrs</c>: the parser would look for a checkpoint of that name.</summary>
    private static void ThrowOnOptionAsArgument(ParseResult parse, Command command, string[] args, string help)
    {
        foreach (Argument argument in command.Arguments)
        {
            string? token = parse.GetResult(argument)?.Tokens.Select(t => t.Value).FirstOrDefault(v => v.Length > 1 && v[0] == '-');
            if (token is not null && !args.Contains("--"))
            {
                ThrowUnknown(command, token, help);
            }
        }
    }

    private static (string? Option, string Relation)? Ours(string name, Command command)
    {
        foreach ((string other, string ours, string relation) in OtherTools)
        {
            if (other == name.Replace('_', '-') && command.Options.Any(o => o.Name == ours))
            {
                return (ours, relation);
            }
        }

        return null;
    }

    private static string? Closest(string word, IEnumerable<string> candidates) => candidates
        .Select(c => (Name: c, Distance: Distance(word, c)))
        .Where(c => IsClose(word, c.Name, c.Distance))
        .OrderBy(c => c.Distance)
        .ThenBy(c => c.Name, StringComparer.Ordinal)
        .Select(c => c.Name)
        .FirstOrDefault();

    // All names of two characters are one letter apart, so that tells nothing of them.
    private static bool IsClose(string word, string name, int distance) => word.Length <= 2 || name.Length <= 2
        ? word.Equals(name, StringComparison.OrdinalIgnoreCase)
        : distance <= Math.Max(1, word.Length / 3) || name.StartsWith(word, StringComparison.Ordinal);

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
