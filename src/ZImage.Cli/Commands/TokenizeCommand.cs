using System.CommandLine;
using System.Globalization;
using ZImage.Text;
using ZImage.Weights;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage tokenize</c>: what the text encoder is given for a prompt.</summary>
internal static class TokenizeCommand
{
    // No prompt is cut here: the command shows all of it, and how long it is.
    private const int Unbounded = int.MaxValue;

    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        Option<string[]> prompt = new("--prompt", "-p")
        {
            Description = "Text to cut into tokens; may be repeated; - reads standard input",
            HelpName = "TEXT",
            Required = true,
        };
        Option<string> model = CommonOptions.Model();
        Option<bool> json = CommonOptions.Json();
        Command command = new("tokenize", "Show the templated text and the token ids of prompts") { prompt, model, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            string folder = ModelLocator.Locate(parse.GetValue(model), context, announce: !parse.GetValue(json));
            Qwen2Tokenizer tokenizer = Qwen2Tokenizer.Load(ModelFolder.FindTokenizer(folder));
            List<TokenizedPromptJson> results = [];
            foreach (string text in await PromptSource.ReadAsync(parse.GetValue(prompt)!, context, cancellationToken).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                PromptTokens tokens = tokenizer.Tokenize(text, Unbounded);
                results.Add(new TokenizedPromptJson(text, tokens.TemplatedText, tokens.Ids.Count, tokens.Ids));
            }

            Write(context, results, parse.GetValue(json));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Write(CommandContext context, List<TokenizedPromptJson> results, bool json)
    {
        if (json)
        {
            context.Out.WriteLine(CliJson.Line(new TokenizeJson(results), CliJson.Default.TokenizeJson));
            return;
        }

        foreach (TokenizedPromptJson result in results)
        {
            context.Out.WriteLine(result.Text);
            context.Out.WriteLine(string.Join(',', result.Ids.Select(id => id.ToString(CultureInfo.InvariantCulture))));
            context.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Count} tokens"));
        }
    }
}
