using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ZImage.Weights;

namespace ZImage.Cli.Commands;

/// <summary>Prints what a checkpoint is made of, and what a run with it needs.</summary>
internal sealed class CheckpointInfo(CommandContext context, ModelInfo model, int width, int height)
{
    // Guidance evaluates every picture twice.
    private readonly int batch = model.DefaultGuidance > 0 ? 2 : 1;

    /// <summary>One JSON object: <c>model</c> as the engine tells it, and <c>memory</c> at one size.</summary>
    public void WriteJson()
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("schema_version", 1);
            writer.WritePropertyName("model");
            JsonSerializer.Serialize(writer, model, ModelInfoJson.Default.ModelInfo);
            if (model.EstimateMemory(width, height, batch) is MemoryEstimate memory)
            {
                writer.WriteStartObject("memory");
                writer.WriteString("device", "cpu");
                writer.WriteNumber("width", width);
                writer.WriteNumber("height", height);
                writer.WriteNumber("batch", batch);
                writer.WriteNumber("weight_bytes", memory.WeightBytes);
                writer.WriteNumber("text_encoder_bytes", memory.TextEncoderBytes);
                writer.WriteNumber("transformer_bytes", memory.TransformerBytes);
                writer.WriteNumber("vae_bytes", memory.VaeBytes);
                writer.WriteNumber("activation_bytes", memory.ActivationBytes);
                writer.WriteNumber("total_bytes", memory.TotalBytes);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        context.Out.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    /// <summary>The same for people.</summary>
    public void WriteText()
    {
        context.Out.WriteLine(model.Path);
        if (model is { Scheduler: { } scheduler, Transformer: { } transformer, TextEncoder: { } text, Vae: { } vae })
        {
            Line($"pipeline      {model.PipelineClass ?? "(no model_index.json)"}, {(model.IsTurbo == true ? "distilled" : "not distilled")}");
            Line($"defaults      {model.DefaultSteps} steps, guidance {model.DefaultGuidance}, shift {scheduler.Shift}");
            Line($"text encoder  width {text.HiddenSize}, {text.LayerCount} layers, {text.HeadCount} heads, {text.KeyValueHeadCount} key heads");
            Line($"transformer   width {transformer.Dim}, {transformer.LayerCount} layers, {transformer.HeadCount} heads, {transformer.InChannels} latent channels");
            Line($"latents       [1, {vae.LatentChannels}, {height / vae.ScaleFactor}, {width / vae.ScaleFactor}] for {width}x{height}");
        }

        context.Out.WriteLine();
        WriteTable(
            ["part", "tensors", "parameters", "size", "types"],
            [.. model.Parts.Select(part => new[]
            {
                part.Name,
                Number(part.TensorCount),
                Number(part.ParameterCount),
                Size(part.Bytes),
                string.Join(", ", part.Types.Select(type => type.Type)),
            })]);
        if (model.EstimateMemory(width, height, batch) is MemoryEstimate memory)
        {
            context.Out.WriteLine();
            Line($"memory for one {width}x{height} picture on the processor");
            Line($"  weights       {Size(memory.WeightBytes)} (mapped files)");
            Line($"  text encoder  {Size(memory.TextEncoderBytes)}");
            Line($"  transformer   {Size(memory.TransformerBytes)}");
            Line($"  VAE           {Size(memory.VaeBytes)}");
            Line($"  needed        {Size(memory.TotalBytes)} (weights and the largest stage)");
        }

        foreach (PartInfo part in model.Parts.Where(part => part.Tensors is not null))
        {
            context.Out.WriteLine();
            WriteTable(
                [part.Name, "type", "shape"],
                [.. part.Tensors!.Select(tensor => new[] { tensor.Name, tensor.Type, $"[{string.Join(", ", tensor.Shape)}]" })]);
        }
    }

    /// <summary>Plain columns, so that grep and awk can read them.</summary>
    private void WriteTable(string[] header, IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. header.Select((title, i) => rows.Select(row => row[i].Length).Append(title.Length).Max())];
        foreach (string[] row in rows.Prepend(header))
        {
            context.Out.WriteLine(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
        }
    }

    private void Line(FormattableString text) => context.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Size(long bytes) => bytes switch
    {
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:F2} GiB"),
    };
}
