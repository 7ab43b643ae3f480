using System.Reflection;

namespace ZImage;

/// <summary>The version that metadata and messages name.</summary>
internal static class EngineVersion
{
    /// <summary>Such as 0.1.0.</summary>
    public static string Text { get; } =
        typeof(EngineVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";
}
