using System.CommandLine;
using System.Text;
using System.Text.RegularExpressions;
using ZImage.Cli;
using ZImage.Cli.Ui;

namespace ZImage.Tests.Documentation;

/// <summary>Writes docs/cli.md from the command tree, so that the page says what the tool does.</summary>
internal static partial class CliReference
{
    private static readonly (int Code, string Meaning)[] ExitCodeMeanings =
    [
        (ExitCodes.Ok, "done"),
        (ExitCodes.Bug, "a fault of zimage: please report it"),
        (ExitCodes.Usage, "wrong arguments, an unusable input file, or an output that cannot be written"),
        (ExitCodes.Model, "the checkpoint is missing, broken or of another kind"),
        (ExitCodes.Device, "the device asked for is absent or unusable"),
        (ExitCodes.Memory, "not enough memory"),
        (ExitCodes.Network, "the network failed"),
        (ExitCodes.Interrupted, "stopped by Ctrl-C or SIGTERM; unfinished files were not written"),
    ];

    /// <summary>The page.</summary>
    public static string Page(RootCommand root)
    {
        StringBuilder page = new();
        page.Append("# The command line\n\n");
        page.Append("<!-- Written from the command tree by a test: ZIMAGE_UPDATE_DOCS=1 dotnet test --filter CliReferenceTests -->\n\n");
        page.Append("Results go to standard output; progress, warnings and errors go to standard error. An option on the command line wins over its\n");
        page.Append("environment variable, which wins over the default. Nothing is overwritten without `--force`, and files are written aside and renamed,\n");
        page.Append("so that none is ever half-written.\n");
        foreach (Command command in root.Subcommands.Where(c => !c.Hidden))
        {
            Append(page, command);
        }

        page.Append("\n## Environment\n\n| variable | meaning |\n| --- | --- |\n");
        foreach (Match line in EnvironmentLine().Matches(HelpWithExamples.Examples("")))
        {
            page.Append($"| `{line.Groups[1].Value}` | {line.Groups[2].Value} |\n");
        }

        page.Append("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
        foreach ((int code, string meaning) in ExitCodeMeanings)
        {
            page.Append($"| {code} | {meaning} |\n");
        }

        return page.ToString();
    }

    private static void Append(StringBuilder page, Command command)
    {
        string arguments = string.Concat(command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [{a.HelpName}]" : $" {a.HelpName}"));
        page.Append($"\n## zimage {command.Name}\n\n{command.Description}.\n\n```\nzimage {command.Name}{arguments} [options]\n```\n\n");
        foreach (Argument argument in command.Arguments)
        {
            (string text, string standard, _) = Parts(argument.Description);
            page.Append($"`{argument.HelpName}`: {text}{(standard.Length > 0 ? $"; by default {standard}" : "")}.\n\n");
        }

        page.Append("| option | meaning | default | environment |\n| --- | --- | --- | --- |\n");
        foreach (Option option in command.Options.Where(o => !o.Hidden && o.HelpName is not null || o.Arity.MaximumNumberOfValues == 0))
        {
            (string text, string standard, string environment) = Parts(option.Description);
            string names = string.Join(", ", option.Aliases.OrderBy(a => a.Length).Append(option.Name).Select(n => $"`{n}`"));
            string value = option.HelpName is null ? "" : $" `{option.HelpName}`";
            page.Append($"| {names}{value} | {text}{(option.Required ? " (required)" : "")} | {standard} | {(environment.Length > 0 ? $"`{environment}`" : "")} |\n");
        }

        page.Append($"\n```\n{ExamplesHeading().Replace(HelpWithExamples.Examples(command.Name), "").Replace("\n  ", "\n", StringComparison.Ordinal).Trim()}\n```\n");
    }

    /// <summary>A description without its brackets, and what stands in them.</summary>
    private static (string Text, string Default, string Environment) Parts(string? description)
    {
        string text = description ?? "";
        string standard = Default().Match(text).Groups[1].Value;
        string environment = EnvironmentTwin().Match(text).Groups[1].Value;
        text = EnvironmentTwin().Replace(Default().Replace(text, ""), "").Trim();
        return (text.Replace("|", "\\|", StringComparison.Ordinal), standard.Replace("|", "\\|", StringComparison.Ordinal), environment);
    }

    [GeneratedRegex(@"\s*\[default: ([^\]]*)\]")]
    private static partial Regex Default();

    [GeneratedRegex(@"\s*\[env: ([^\]]*)\]")]
    private static partial Regex EnvironmentTwin();

    [GeneratedRegex(@"^Examples:\r?\n")]
    private static partial Regex ExamplesHeading();

    [GeneratedRegex(@"(?m)^  ([A-Z_]+) +(.+?)\r?$")]
    private static partial Regex EnvironmentLine();
}
