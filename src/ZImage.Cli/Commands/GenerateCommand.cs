using System.CommandLine;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage generate</c>: prompts to pictures.</summary>
internal static class GenerateCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        GenerateOptions options = new();
        Command command = new("generate", "Draw pictures from prompts");
        foreach (Option option in options.All)
        {
            command.Options.Add(option);
        }

        command.SetAction((parse, cancellationToken) =>
            new GenerateHandler(context, options.Read(parse, context)).RunAsync(cancellationToken));
        return command;
    }
}
