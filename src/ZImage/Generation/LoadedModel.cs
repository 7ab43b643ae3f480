using ZImage.Backends;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Text;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Generation;

/// <summary>The parts of a checkpoint on a backend.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly PipelineOptions options;
    private readonly Qwen2Tokenizer? tokenizer;
    private DenoisingSession? session;
    private DecodingSession? decoding;

    private LoadedModel(string path, PipelineOptions options, IBackend backend, CancellationToken cancellation)
    {
        this.options = options;
        Backend = backend;
        ModelPart<Qwen3Encoder>? textEncoder = null;
        ModelPart<ZImageTransformer>? transformer = null;
        ModelPart<AutoencoderKl>? vae = null;
        try
        {
            ModelFolder folder = ModelFolder.Open(path, options.TransformerFile);
            Folder = folder;
            List<string> warnings = [.. folder.Warnings];
            bool allow = options.AllowUnknownTensors;
            tokenizer = LoadTokenizer(folder, options.TokenizerFolder, warnings);
            cancellation.ThrowIfCancellationRequested();
            TextEncoder = textEncoder = new(folder.OpenTextEncoder(), backend, allow, warnings, weights => new Qwen3Encoder(folder.TextEncoder, weights, backend));
            Transformer = transformer = new(folder.OpenTransformer(), backend, allow, warnings, weights => new ZImageTransformer(folder.Transformer, weights, backend));
            Vae = vae = new(folder.OpenVae(), backend, allow, warnings, weights => new AutoencoderKl(folder.Vae, weights, backend));
            Scheduler = new FlowMatchEulerScheduler(folder.Scheduler);
            Warnings = warnings;
            PlaceParts();
            SizeRule size = SizeRule.Of(folder.Transformer, folder.Vae);
            Defaults = new GenerationDefaults(size.Width, size.Height, size.Multiple, folder.DefaultSteps, folder.DefaultGuidance);
        }
        catch
        {
            textEncoder?.Dispose();
            transformer?.Dispose();
            vae?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>What the checkpoint calls itself: its folder's name, and the transformer's file where that is another.</summary>
    public string Name => Folder.Name + (options.TransformerFile is { } file ? $" + {Path.GetFileName(file)}" : "");

    /// <summary>The folder and its configs.</summary>
    public ModelFolder Folder { get; }

    public IBackend Backend { get; }

    public ModelPart<Qwen3Encoder> TextEncoder { get; }

    public ModelPart<ZImageTransformer> Transformer { get; }

    public ModelPart<AutoencoderKl> Vae { get; }

    public FlowMatchEulerScheduler Scheduler { get; }

    public PromptCache PromptCache { get; } = new();

    public GenerationDefaults Defaults { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Opens a checkpoint and places its weights; the backend belongs to the model from here on.</summary>
    public static LoadedModel Load(string path, PipelineOptions options, IBackend backend, CancellationToken cancellation) =>
        new(path, options, backend, cancellation);

    /// <summary>The ids of a prompt; without a tokenizer, of its bytes.</summary>
    public PromptTokens Tokenize(string text, int maxTokens) =>
        tokenizer?.Tokenize(text, maxTokens) ?? StandInTokens.Of(text, Folder.TextEncoder.VocabSize, maxTokens);

    /// <summary>Places the parts while loading, where all of them fit; else each is placed when it is needed.</summary>
    private void PlaceParts()
    {
        if (TextEncoder.Bytes + Transformer.Bytes + Vae.Bytes <= Backend.FreeBytes)
        {
            _ = TextEncoder.Model;
            _ = Transformer.Model;
            _ = Vae.Model;
            Backend.Synchronize();
        }
    }

    /// <summary>Whether anybody looks at intermediates.</summary>
    public bool HasProbe => options.ProbeFactory is not null;

    /// <summary>The text encoder on the device, with everything else taken off it that would not fit beside it.</summary>
    public Qwen3Encoder UseTextEncoder()
    {
        if (!TextEncoder.IsResident)
        {
            MakeRoom(TextEncoder.Bytes, forTextEncoder: true);
        }

        return TextEncoder.Model;
    }

    /// <summary>The transformer on the device; the text encoder leaves it where memory is short.</summary>
    public ZImageTransformer UseTransformer(long activationBytes)
    {
        MakeRoom((Transformer.IsResident ? 0 : Transformer.Bytes) + activationBytes, forTextEncoder: false);
        return Transformer.Model;
    }

    /// <summary>The VAE on the device; the text encoder and the denoising memory leave it where memory is short.</summary>
    public AutoencoderKl UseVae(long activationBytes)
    {
        long needed = (Vae.IsResident ? 0 : Vae.Bytes) + activationBytes;
        if (Backend.FreeBytes < needed)
        {
            ReleaseSession();
        }

        MakeRoom(needed, forTextEncoder: false);
        return Vae.Model;
    }

    /// <summary>
    /// The memory, tables and recordings for runs of one shape: the one of the run before where that had the same shape and schedule, else a new one
    /// in its place.
    /// </summary>
    /// <param name="key">The shape.</param>
    /// <param name="activationBytes">What a new session will take.</param>
    public DenoisingSession Session(SessionKey key, long activationBytes)
    {
        if (session is null || !session.Key.Equals(key))
        {
            ReleaseSession();
            UseTransformer(activationBytes);
            session = new DenoisingSession(key, this);
        }

        return session;
    }

    /// <summary>Memory and recording for decoding pictures of one size: those of the run before where that had the same size.</summary>
    /// <param name="height">Rows of the latents.</param>
    /// <param name="width">Columns of the latents.</param>
    /// <param name="activationBytes">What a new one will take.</param>
    public DecodingSession DecodingSession(int height, int width, long activationBytes)
    {
        if (decoding is null || decoding.Height != height || decoding.Width != width)
        {
            ReleaseDecodingSession();
            UseVae(activationBytes);
            decoding = new DecodingSession(height, width, this);
        }

        return decoding;
    }

    /// <summary>Frees the decoder's memory.</summary>
    public void ReleaseDecodingSession()
    {
        decoding?.Dispose();
        decoding = null;
    }

    /// <summary>Frees the session's memory, after a failure or to make room.</summary>
    public void ReleaseSession()
    {
        session?.Dispose();
        session = null;
    }

    /// <summary>Runs a stage under its probe, and disposes the probe where it wants that.</summary>
    public T WithProbe<T>(string stage, Func<ITensorProbe, T> run)
    {
        if (options.ProbeFactory is not { } factory)
        {
            return run(NullProbe.Instance);
        }

        ITensorProbe probe = factory(stage);
        try
        {
            return run(new HostProbe(probe, Backend));
        }
        finally
        {
            (probe as IDisposable)?.Dispose();
        }
    }

    /// <summary>Takes parts off the device until <paramref name="bytes"/> are free: first what the next stage does not need.</summary>
    private void MakeRoom(long bytes, bool forTextEncoder)
    {
        if (Backend.FreeBytes >= bytes)
        {
            return;
        }

        ReleaseDecodingSession();
        if (!forTextEncoder)
        {
            if (Backend.FreeBytes < bytes)
            {
                TextEncoder.Release();
            }

            return;
        }

        ReleaseSession();
        if (Backend.FreeBytes < bytes)
        {
            Transformer.Release();
        }
    }

    /// <summary>Throws where a stage's output is not finite.</summary>
    /// <exception cref="ModelFormatException">NaN or infinity, with the weights that hold some, if any do.</exception>
    public void RequireFinite(Tensor tensor, string part, string what)
    {
        if (!Backend.IsFinite(tensor))
        {
            throw NonFinite(part, what);
        }
    }

    /// <summary>The error for a non-finite result; looks for the weight that is to blame.</summary>
    public ModelFormatException NonFinite(string part, string what)
    {
        PartWeights weights = part == Vae.Weights.Part ? Vae.Weights : part == Transformer.Weights.Part ? Transformer.Weights : TextEncoder.Weights;
        IReadOnlyList<string> broken = WeightCheck.FindNonFinite([.. weights.Tensors.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.View))]);
        return broken.Count > 0
            ? new ModelFormatException(
                $"{what} came out as NaN or infinity, because weights of {part} ({weights.Files?.Location ?? Folder.Path}) are that: {string.Join(", ", broken.Take(20))}{(broken.Count > 20 ? $" and {broken.Count - 20} more" : "")}.",
                "The checkpoint is broken; download it again.")
            : new ModelFormatException(
                $"{what} came out as NaN or infinity, though the weights of {part} are finite.",
                "An activation overflowed: the weights do not belong together, or the inputs are extreme.");
    }

    /// <summary>Bytes of activations of each stage of a run; the plan counts float32, a narrower backend takes less.</summary>
    public MemoryEstimate Memory(GenerationPlan plan)
    {
        int items = plan.LatentShape[0] * (plan.UsesGuidance ? 2 : 1);
        MemoryEstimate wide = MemoryPlan.ForCpu(Folder.Transformer, Folder.TextEncoder, Folder.Vae, 0, plan.Width, plan.Height, items);
        int size = Backend.ActivationType.SizeBytes();
        return new MemoryEstimate(0, wide.TextEncoderBytes * size / 4, wide.TransformerBytes * size / 4, wide.VaeBytes * size / 4);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session?.Dispose();
        decoding?.Dispose();
        TextEncoder.Dispose();
        Transformer.Dispose();
        Vae.Dispose();
        Backend.Dispose();
    }

    private static Qwen2Tokenizer? LoadTokenizer(ModelFolder folder, string? other, List<string> warnings)
    {
        if (other is null && !folder.HasTokenizer)
        {
            warnings.Add($"{folder.Name} has no tokenizer: the bytes of a prompt stand in for its tokens. Name Qwen3's tokenizer, or give token ids.");
            return null;
        }

        Qwen2Tokenizer loaded = Qwen2Tokenizer.Load(other ?? folder.TokenizerFolder);
        return loaded.VocabularySize <= folder.TextEncoder.VocabSize
            ? loaded
            : throw new ModelFormatException(
                $"The tokenizer has {loaded.VocabularySize} tokens, and the text encoder knows {folder.TextEncoder.VocabSize} (vocab_size).",
                "The parts come from different models.");
    }
}
