using System.Text;
using ZImage.Cli;

if (OperatingSystem.IsWindows())
{
    // Prompts and paths are Unicode; the console's own code page is not.
    Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
}

using Interruption interruption = new();
bool isDumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
return await CliApplication.RunAsync(args, new CommandContext
{
    Out = Console.Out,
    Error = Console.Error,
    OpenInput = Console.OpenStandardInput,
    OpenOutput = Console.OpenStandardOutput,
    Engine = new PipelineEngine(),
    Environment = Environment.GetEnvironmentVariable,
    BundledModel = ModelLocator.BesideProgram(),
    IsOutputTerminal = !Console.IsOutputRedirected,
    IsErrorTerminal = !Console.IsErrorRedirected && !isDumb,
    Width = Console.IsOutputRedirected && Console.IsErrorRedirected ? 100 : TerminalWidth(),
    Cancellation = interruption.Token,
}).ConfigureAwait(false);

static int TerminalWidth()
{
    try
    {
        return Math.Clamp(Console.WindowWidth, 40, 120);
    }
    catch (IOException)
    {
        // No terminal behind the handles after all.
        return 100;
    }
}
