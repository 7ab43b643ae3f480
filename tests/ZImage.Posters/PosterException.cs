namespace ZImage.Posters;

/// <summary>Scenes, pictures or arguments that the checker cannot use.</summary>
internal sealed class PosterException(string message, string? hint = null, Exception? innerException = null) : ZImageException(message, hint, innerException);
