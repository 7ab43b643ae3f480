using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using ZImage.Cli.Ui;

namespace ZImage.Cli.Commands;

/// <summary>All commands, with their help and the version.</summary>
internal static class CommandTree
{
    /// <summary>The version of the program, as in <c>zimage 0.1.0</c>.</summary>
    public static string Version { get; } = typeof(CommandTree).Assembly.GetName().Version!.ToString(3);

    /// <summary>Builds the tree.</summary>
    public static RootCommand Create(CommandContext context)
    {
        RootCommand root = new("Draws pictures with the Z-Image models.")
        {
            GenerateCommand.Create(context),
            TokenizeCommand.Create(context),
            InfoCommand.Create(context),
            NoiseCommand.Create(context),
            BenchCommand.Create(context),
            DoctorCommand.Create(context),
        };
        foreach (Option option in root.Options)
        {
            if (option is HelpOption help)
            {
                help.Action = new HelpWithExamples((HelpAction)help.Action!, context.Width);
            }
            else if (option is VersionOption version)
            {
                version.Action = new PrintVersion();
            }
        }

        return root;
    }

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"zimage {Version}");
            return ExitCodes.Ok;
        }
    }
}
