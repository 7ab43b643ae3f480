namespace ZImage;

/// <summary>How a pipeline is loaded.</summary>
public sealed record PipelineOptions
{
    /// <summary><c>auto</c> (the first usable GPU, else the processor), <c>cpu</c>, <c>cuda</c>, or <c>cuda:N</c> for the GPU with ordinal N.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Processor threads, 1024 at most; 0 for one per logical processor.</summary>
    public int Threads { get; init; }

    /// <summary>Type of activations and weights on a GPU: <c>bf16</c>, or <c>f32</c> for comparisons. The processor always computes in float32.</summary>
    public string Precision { get; init; } = "bf16";

    /// <summary>Bytes of GPU memory that the pipeline may take at most; null for all that is free.</summary>
    public long? DeviceMemoryLimit { get; init; }

    /// <summary>A single .safetensors file (diffusers, ComfyUI or original names) to use instead of the folder's transformer; null for the folder's own.</summary>
    public string? TransformerFile { get; init; }

    /// <summary>A folder with tokenizer.json to use instead of the checkpoint's; a synthetic checkpoint has none of its own. Null for the checkpoint's own.</summary>
    public string? TokenizerFolder { get; init; }

    /// <summary>Whether a checkpoint tensor that the model does not know is reported as a warning instead of an error.</summary>
    public bool AllowUnknownTensors { get; init; }

    /// <summary>Sees every named intermediate of every run, in host memory, a probe for each stage; null for none.</summary>
    public Func<string, Tensors.ITensorProbe>? ProbeFactory { get; init; }

    /// <summary>Puts something in front of the backend that computes; null for nothing.</summary>
    internal Func<Backends.IBackend, Backends.IBackend>? BackendDecorator { get; init; }
}
