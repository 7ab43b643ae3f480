using System.Security.Cryptography;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>Fills in the model's defaults and refuses what cannot be drawn, before anything is computed.</summary>
internal static class RequestResolver
{
    private const int MaxSteps = 1000;
    private const int MaxImages = 256;

    /// <summary>The request with every default filled in.</summary>
    /// <exception cref="InvalidRequestException">The model cannot draw it.</exception>
    public static GenerationRequest Resolve(GenerationRequest request, LoadedModel model)
    {
        GenerationDefaults defaults = model.Defaults;
        (int width, int height) = Size(request, defaults);
        GenerationRequest resolved = request with
        {
            Width = width,
            Height = height,
            Steps = request.Sigmas?.Count ?? request.Steps ?? defaults.Steps,
            Guidance = request.Guidance ?? defaults.Guidance,
            Seed = request.Seed ?? (uint)RandomNumberGenerator.GetInt32(int.MaxValue),
        };
        CheckNumbers(resolved);
        CheckPrompts(resolved, model);
        SizeRule.Of(model.Folder.Transformer, model.Folder.Vae).Check(width, height);
        GenerationPlan plan = new(resolved, model);
        CheckTensors(plan, model);
        _ = plan.Schedule();
        CheckMemory(plan, model);
        return resolved;
    }

    /// <summary>The size asked for; else the input picture's, rounded down; else the model's.</summary>
    private static (int Width, int Height) Size(GenerationRequest request, GenerationDefaults defaults)
    {
        int multiple = defaults.SizeMultiple;
        return request.InitImage is { } image
            ? (request.Width ?? Math.Max(image.Width / multiple, 1) * multiple, request.Height ?? Math.Max(image.Height / multiple, 1) * multiple)
            : (request.Width ?? defaults.Width, request.Height ?? defaults.Height);
    }

    private static void CheckNumbers(GenerationRequest request)
    {
        Require(request.Steps is >= 1 and <= MaxSteps, $"{request.Steps} steps are outside 1..{MaxSteps}.", "The Turbo model is made for 8 steps, the base model for 28 to 50.");
        Require(request.ImagesPerPrompt >= 1, $"{request.ImagesPerPrompt} pictures per prompt.", "Ask for at least one.");
        Require(double.IsFinite(request.Guidance!.Value) && request.Guidance >= 0, $"Guidance {request.Guidance} is not a number from 0 on.", "0 turns guidance off; 3 to 5 suit the base model.");
        Require(double.IsFinite(request.CfgNormalization) && request.CfgNormalization >= 0, $"cfg_normalization {request.CfgNormalization} is not a number from 0 on.", "0 turns it off; 1 keeps the norm of the unguided prediction.");
        Require(!double.IsNaN(request.CfgTruncation), "cfg_truncation is not a number.", "1 never truncates.");
        Require(request.Strength is >= 0 and <= 1, $"Strength {request.Strength} is outside 0..1.", "0.6 changes a picture moderately; 1 ignores it.");
        Require(request.MaxSequenceLength >= 1, $"A limit of {request.MaxSequenceLength} prompt tokens.", "The model was made for up to 512.");
        Require(request.RngMultiprocessors >= 1, $"A GPU of {request.RngMultiprocessors} multiprocessors.", "An H100 or H200 has 132.");
    }

    private static void CheckPrompts(GenerationRequest request, LoadedModel model)
    {
        int count = request.PromptEmbeds?.Count ?? request.Prompts.Count;
        Require(count >= 1, "The request has no prompt.", "Say what to draw.");
        Require(
            (long)count * request.ImagesPerPrompt <= MaxImages,
            $"{count} prompts with {request.ImagesPerPrompt} pictures each are more than {MaxImages} pictures.",
            "Send several requests.");
        if (request.PromptIds is { } ids)
        {
            Require(count == 1, $"Token ids were given for one prompt, and there are {count}.", "Give token ids for a single prompt.");
            Require(ids.Count >= 1 && ids.Count <= request.MaxSequenceLength, $"{ids.Count} token ids are outside 1..{request.MaxSequenceLength}.", "Give at least one and at most the limit.");
            int vocabulary = model.Folder.TextEncoder.VocabSize;
            foreach (int id in ids)
            {
                Require(id >= 0 && id < vocabulary, $"Token id {id} is outside the text encoder's vocabulary 0..{vocabulary - 1}.", "`zimage tokenize` prints the ids of a prompt.");
            }
        }
    }

    private static void CheckTensors(GenerationPlan plan, LoadedModel model)
    {
        GenerationRequest request = plan.Request;
        if (request.Latents is { } latents)
        {
            Require(
                latents.Shape == plan.LatentShape,
                $"The latents have shape {latents.Shape}; {plan.Width}x{plan.Height} with {plan.LatentShape[0]} picture(s) needs {plan.LatentShape}.",
                "Use latents of the same size and number of pictures, [images, channels, height / 8, width / 8].");
            RequireFinite(latents, "The latents");
        }

        int width = model.Folder.Transformer.TextDim;
        foreach (HostTensor embeds in (request.PromptEmbeds ?? []).Concat(request.NegativePromptEmbeds ?? []))
        {
            Require(
                embeds.Shape.Rank == 2 && embeds.Shape[0] >= 1 && embeds.Shape[1] == width,
                $"Prompt embeddings of shape {embeds.Shape}; the transformer takes [tokens, {width}].",
                "Save them with the same model: `--save-prompt-embeds`.");
            RequireFinite(embeds, "The prompt embeddings");
        }

        Require(
            request.NegativePromptEmbeds is null || request.NegativePromptEmbeds.Count == plan.PromptCount,
            $"{request.NegativePromptEmbeds?.Count} negative prompt embeddings for {plan.PromptCount} prompts.",
            "Give one for each prompt.");
    }

    private static void CheckMemory(GenerationPlan plan, LoadedModel model)
    {
        long needed = model.Memory(plan).ActivationBytes;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

        // The system hands out more memory than it has and then ends the process; a device refuses, and that is an error of its own.
        if (!model.Backend.IsAsynchronous && available > 0 && needed > available)
        {
            throw HostMemoryException.ForRun(needed, available);
        }
    }

    private static void RequireFinite(HostTensor tensor, string what) =>
        Require(Array.TrueForAll(tensor.Values, float.IsFinite), what + " hold NaN or infinity.", "Make them again; the file may be broken.");

    private static void Require(bool condition, string message, string hint)
    {
        if (!condition)
        {
            throw new InvalidRequestException(message, hint);
        }
    }
}
