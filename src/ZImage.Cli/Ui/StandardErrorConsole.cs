using System.Text;
using Spectre.Console;

namespace ZImage.Cli.Ui;

/// <summary>The terminal library's console over our standard error.</summary>
internal static class StandardErrorConsole
{
    /// <summary>Creates it; without colours where NO_COLOR asks for that.</summary>
    public static IAnsiConsole Create(CommandContext context) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = context.IsErrorTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        ColorSystem = context.NoColor || !context.IsErrorTerminal ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        Interactive = context.IsErrorTerminal ? InteractionSupport.Yes : InteractionSupport.No,
        Out = new Output(context),
    });

    private sealed class Output(CommandContext context) : IAnsiConsoleOutput
    {
        public TextWriter Writer => context.Error;

        public bool IsTerminal => context.IsErrorTerminal;

        public int Width => context.Width;

        public int Height => 24;

        public void SetEncoding(Encoding encoding)
        {
            // The stream has its encoding already.
        }
    }
}
