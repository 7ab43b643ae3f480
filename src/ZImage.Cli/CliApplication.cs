using System.CommandLine;
using ZImage.Cli.Commands;

namespace ZImage.Cli;

/// <summary>The whole program without its process: arguments in, exit code out.</summary>
internal static class CliApplication
{
    /// <summary>Runs one command line.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, CommandContext context)
    {
        try
        {
            context.Cancellation.ThrowIfCancellationRequested();
            RootCommand root = CommandTree.Create(context);
            args = ArgumentCheck.SplitEmptyValues(args);
            ParseResult parse = root.Parse(args, new ParserConfiguration
            {
                // "-mirror" is a mistake and not "-m irror"; a prompt that begins with '@' is a prompt.
                EnablePosixBundling = false,
                ResponseFileTokenReplacer = null,
            });
            ArgumentCheck.ThrowOnError(parse, args);
            return await parse.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = context.Out,
                    Error = context.Error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                },
                context.Cancellation).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The last stop of every error: each becomes an exit code and two readable lines.
            Failure failure = Failure.From(exception);
            failure.Write(context, exception, asJson: args.Contains("--json"));
            return failure.ExitCode;
        }
    }
}
