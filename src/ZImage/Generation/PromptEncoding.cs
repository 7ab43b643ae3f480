using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Text;

namespace ZImage.Generation;

/// <summary>Text-encoder output of a request.</summary>
/// <param name="Positive">[tokens, width] per prompt.</param>
/// <param name="Negative">[tokens, width] per prompt; empty without guidance.</param>
internal sealed record PromptEmbeddings(IReadOnlyList<HostTensor> Positive, IReadOnlyList<HostTensor> Negative);

/// <summary>Prompts to embeddings: what the request brings along, what the cache knows, or the tokenizer and the text encoder.</summary>
internal static class PromptEncoding
{
    public static PromptEmbeddings Encode(
        GenerationPlan plan, LoadedModel model, List<string> warnings, GenerationObserver observer, CancellationToken cancellation)
    {
        using BackendRange range = model.Backend.Range("text encoder");
        GenerationRequest request = plan.Request;
        int count = plan.PromptCount;
        int total = plan.UsesGuidance ? 2 * count : count;
        observer.Report(GenerationStage.TextEncoder, 0, total);
        if (!plan.UsesGuidance && (!string.IsNullOrEmpty(request.NegativePrompt) || request.NegativePromptEmbeds is not null))
        {
            warnings.Add("The negative prompt has no effect without guidance.");
        }

        HostTensor[] positive = new HostTensor[count];
        HostTensor[] negative = new HostTensor[plan.UsesGuidance ? count : 0];
        for (int i = 0; i < count; i++)
        {
            positive[i] = request.PromptEmbeds is { } embeds
                ? embeds[i]
                : EncodeOne(request.PromptIds is null ? request.Prompts[i] : null, request.PromptIds, "prompt");
            observer.Report(GenerationStage.TextEncoder, i + 1, total);
        }

        for (int i = 0; i < negative.Length; i++)
        {
            negative[i] = request.NegativePromptEmbeds is { } embeds ? embeds[i] : EncodeOne(request.NegativePrompt ?? "", null, "negative prompt");
            observer.Report(GenerationStage.TextEncoder, count + i + 1, total);
        }

        return new PromptEmbeddings(positive, negative);

        HostTensor EncodeOne(string? text, IReadOnlyList<int>? ids, string what)
        {
            cancellation.ThrowIfCancellationRequested();
            if (text is not null)
            {
                PromptTokens tokens = model.Tokenize(text, request.MaxSequenceLength);
                if (tokens.CutCount > 0)
                {
                    string warning = $"The {what} has {tokens.Ids.Count + tokens.CutCount} tokens; {tokens.CutCount} beyond the limit of {request.MaxSequenceLength} were cut: \"{Shorten(tokens.CutText)}\".";
                    if (!warnings.Contains(warning))
                    {
                        warnings.Add(warning);
                    }
                }

                ids = tokens.Ids;
            }

            return model.PromptCache.GetOrAdd(ids!, key => Evaluate(key, model, cancellation));
        }
    }

    private static HostTensor Evaluate(IReadOnlyList<int> ids, LoadedModel model, CancellationToken cancellation)
    {
        using Workspace memory = new(model.Backend);
        return model.WithProbe("text_encoder", probe =>
        {
            Tensor rows = model.UseTextEncoder().Forward([ids], memory, probe, cancellation);
            model.RequireFinite(rows, "text_encoder", "The text encoder's output");
            float[] values = new float[rows.Count];
            model.Backend.Download(rows, values);
            return new HostTensor(values, rows.Shape);
        });
    }

    private static string Shorten(string text) => text.Length <= 80 ? text : string.Concat(text.AsSpan(0, 79), "…");
}
